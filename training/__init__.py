"""Labelled media become a network, and the network is judged."""
