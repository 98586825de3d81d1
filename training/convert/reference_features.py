"""Features computed by the original implementations, for comparison with the converted backbones.

EfficientNet-Lite0 runs in its package's PyTorch network, musicnn in its package's TensorFlow graph; neither
uses the modules that are exported. The required packages are listed in `requirements.txt`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.training.convert import efficientnet_lite0, musicnn_msd


def compute_image_features(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the features of pictures with efficientnet-lite-pytorch.

    Args:
        pixels: uint8 `(N, SIDE, SIDE, 3)`, RGB.

    Returns:
        Float32 `(N, 2528)`, with the columns of `attune.training.convert.efficientnet_lite0`.
    """
    import torch

    network = efficientnet_lite0.load_original_network()
    stages: list[NDArray[np.float32]] = []
    for end in efficientnet_lite0.STAGE_ENDS:
        network._blocks[end].register_forward_hook(lambda _block, _args, out: stages.append(out.numpy()))
    with torch.no_grad():
        head = network.extract_features(
            efficientnet_lite0.normalise(torch.tensor(pixels).float().permute(0, 3, 1, 2))
        )
        parts = [network._avg_pooling(head).flatten(1).numpy()]
    for maps in stages:
        parts += [maps.mean((2, 3)), maps.std((2, 3))]
    return np.concatenate(parts, axis=1)


def compute_music_features(logmel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the features of log-mel patches with musicnn's graph and checkpoint.

    Args:
        logmel: Float32 `(N, 187, 96)`.

    Returns:
        Float32 `(N, 1756)`, with the columns of `attune.training.convert.musicnn_msd`.
    """
    # musicnn builds its graph with tf.layers, which TensorFlow provides only with the older Keras.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf

    tf.compat.v1.disable_eager_execution()
    from musicnn import models

    tf.compat.v1.reset_default_graph()
    with tf.name_scope("model"):
        patches = tf.compat.v1.placeholder(tf.float32, [None, *logmel.shape[1:]])
        training = tf.compat.v1.placeholder(tf.bool)
        logits, *_, mean_pool, max_pool, penultimate = models.define_model(
            patches, training, "MSD_musicnn", 50
        )
        fetches = [penultimate, mean_pool, max_pool, tf.nn.sigmoid(logits)]
    with tf.compat.v1.Session() as session:
        tf.compat.v1.train.Saver().restore(session, musicnn_msd.checkpoint_prefix())
        batches = [
            session.run(fetches, feed_dict={patches: batch[None], training: False}) for batch in logmel
        ]
    return np.concatenate([np.concatenate(batch, axis=1) for batch in batches])


def compute_music_logmel(path: Path) -> NDArray[np.float32]:
    """Decode a song and compute its log-mel with librosa, as musicnn's own script does, in float32.

    Args:
        path: An audio file in any format that librosa reads.

    Returns:
        Float32 `(frames, 96)`.
    """
    import librosa

    samples, rate = librosa.load(path, sr=16_000)
    power = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"
    )
    result: NDArray[np.float32] = np.log10(10_000 * power.T + 1).astype(np.float32)
    return result
