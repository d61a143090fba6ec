// Every further option of the service, from its own description in openapi.json: there is no second list of them here.

import { h } from "./dom.js";
import { t } from "./i18n.js";

/** Chosen elsewhere on the page, or of no use to a person in front of it. */
const ELSEWHERE = new Set([
  "output_format", "output", "stream", "encode", "language", "model", "num_speakers", "diarize",
  "max_line_width", "max_line_count", "highlight_words", "return_speaker_embeddings",
]);

/** Return a field for each option, with the value that `kept` has for it. */
export async function optionFields(kept) {
  const { paths } = await fetch("openapi.json").then((answer) => answer.json());
  const options = paths["/asr"].post.parameters.filter(({ name, in: where }) => where === "query" && !ELSEWHERE.has(name));
  return options.map(({ name, description, schema }) => field(name, description, { ...schema, ...schema.anyOf?.find(({ type }) => type !== "null") }, kept[name] ?? ""));
}

function field(name, description, schema, value) {
  const input = schema.enum || schema.type === "boolean" ? choice(schema) : entry(schema);
  const label = name.replaceAll("_", " ");
  Object.assign(input, { name, id: `o-${name}`, value });
  input.setAttribute("aria-describedby", `d-${name}`);
  return h("div", { class: "option" }, h("label", { htmlFor: input.id }, label[0].toUpperCase() + label.slice(1)), input,
    h("p", { class: "hint", id: `d-${name}`, lang: "en" }, description ?? ""));
}

function choice({ enum: words = ["true", "false"], default: standard }) {
  const spelled = (word) => ({ true: t("yes"), false: t("no") })[word] ?? word;
  const first = standard === undefined || standard === null ? t("auto") : t("options.default", { value: spelled(String(standard)) });
  const others = words.filter((word) => word !== String(standard));
  return h("select", {}, h("option", { value: "" }, first), others.map((word) => h("option", { value: word }, spelled(word))));
}

function entry({ type, minimum = "", maximum = "", maxLength }) {
  if (type === "string") return h("input", { type: "text", ...(maxLength && { maxLength }) });
  return h("input", { type: "number", min: minimum, max: maximum, step: type === "integer" ? "1" : "any" });
}
