// Reference page made from the OpenAPI description.
import { $, h } from "./dom.js";

const typeName = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").at(-1).replace(/Model$/, "");
  if (schema.anyOf) return schema.anyOf.map(typeName).filter((one) => one !== "null").join(" or ");
  if (schema.type === "array") return `list of ${typeName(schema.items)}`;
  return schema.const ?? schema.enum?.join(" | ") ?? schema.type ?? "";
};

function parameters(route) {
  const rows = (route.parameters ?? []).map((one) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, one.name)), h("td", {}, typeName(one.schema)),
    h("td", {}, `${one.required ? "Required. " : ""}${one.description ?? ""}`)));
  return rows.length ? h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Parameters" }, h("table", {}, h("tbody", {}, rows))) : null;
}

function card(path, method, route) {
  const answer = route.responses?.["200"]?.content?.["application/json"]?.schema;
  return h("article", { class: "card" }, h("h3", {}, h("span", { class: "method" }, method.toUpperCase()), " ", h("code", {}, path)), h("p", {}, route.description ?? ""),
    route.requestBody ? h("p", {}, "Takes files as multipart/form-data.") : null, parameters(route), answer ? h("p", {}, `Returns: ${typeName(answer)}`) : null);
}

try {
  const answer = await fetch("/api/v1/openapi.json");
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const api = await answer.json();
  const groups = {};
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, route] of Object.entries(methods)) (groups[route.tags?.[0] ?? "other"] ??= []).push(card(path, method, route));
  }
  $("routes").replaceChildren(...Object.entries(groups).flatMap(([name, cards]) => [h("h2", {}, name), ...cards]));
} catch (error) {
  $("routes").replaceChildren(h("p", {}, error.message));
}
