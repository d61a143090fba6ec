// What the recording is sent with. Limits and names come from the service, further options from its own description of them.

import { byId, h } from "./dom.js";
import { languageName, number, t } from "./i18n.js";

const KEPT = "page.options";
const NOT_HERE = new Set([
  "output_format", "output", "stream", "encode", "language", "model", "num_speakers", "diarize",
  "max_line_width", "max_line_count", "highlight_words", "return_speaker_embeddings",
]);
/** Chosen in the form itself, in the download menu, or of no use to a person on this page. */

/** Fill the form; the returned object tells what is chosen. What was chosen last time is chosen again. */
export function createOptions(service) {
  const more = byId("more-options");
  const form = byId("options");
  let kept = restored();

  const controls = () => ({
    language: byId("o-language"), speakers: byId("o-speakers"), model: byId("o-model"),
    ...Object.fromEntries([...more.querySelectorAll("[name]")].map((control) => [control.name, control])),
  });

  function fill() {
    fillSelect(byId("o-language"), kept.language, [["", t("auto")], ...languageNames(service.languages ?? [])]);
    const counts = Array.from({ length: 12 }, (_, index) => [String(index + 1), number(index + 1)]);
    fillSelect(byId("o-speakers"), kept.speakers, [["", t("auto")], ...counts, ["none", t("speakers.none")]]);
    const models = (service.models ?? []).map((name) => [name === service.default_model ? "" : name, name]);
    fillSelect(byId("o-model"), kept.model, models.sort(([a], [b]) => Number(Boolean(a)) - Number(Boolean(b))));
  }

  async function showMore() {
    const opening = more.hidden;
    if (opening && !more.querySelector("[name]")) more.append(...(await described()).map((each) => control(each, kept)), resetButton());
    more.hidden = !opening;
    byId("more").setAttribute("aria-expanded", String(opening));
  }

  const resetButton = () => h("button", { type: "button", class: "quiet", onclick: reset }, t("options.reset"));

  function reset() {
    kept = {};
    localStorage.removeItem(KEPT);
    for (const each of Object.values(controls())) each.value = "";
  }

  /** Return the chosen options by their names in the API; what is left as it is stays unsent. */
  function values() {
    const { speakers = "", ...others } = kept;
    const chosen = Object.entries(others).filter(([, value]) => value !== "");
    const count = speakers === "none" ? { diarize: "false" } : speakers ? { num_speakers: speakers } : {};
    return { ...Object.fromEntries(chosen), ...count };
  }

  form.addEventListener("change", () => {
    kept = { ...kept, ...Object.fromEntries(Object.entries(controls()).map(([name, { value }]) => [name, value.trim()])) };
    localStorage.setItem(KEPT, JSON.stringify(kept));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", showMore);
  byId("show-options").addEventListener("click", ({ currentTarget }) => {
    const open = byId("start").classList.toggle("open");
    currentTarget.setAttribute("aria-expanded", String(open));
  });
  fill();
  return { values, fill };
}

function restored() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function fillSelect(select, value, choices) {
  select.replaceChildren(...choices.map(([each, label]) => h("option", { value: each }, label)));
  select.value = choices.some(([each]) => each === value) ? value : "";
}

const languageNames = (codes) => codes.map((code) => [code, languageName(code)]).sort(([, a], [, b]) => a.localeCompare(b));

/** Return the options of POST /asr as openapi.json describes them: [{name, description, schema}]. */
async function described() {
  const answer = await fetch("openapi.json");
  const { paths } = await answer.json();
  return paths["/asr"].post.parameters.filter(({ name, in: where }) => where === "query" && !NOT_HERE.has(name)).map(
    ({ name, description, schema }) => ({ name, description, schema: { ...schema, ...schema.anyOf?.find((each) => each.type !== "null") } }));
}

function control({ name, description, schema }, kept) {
  const input = schema.enum || schema.type === "boolean" ? choice(schema) : entry(schema);
  input.name = name;
  input.id = `o-${name}`;
  input.value = kept[name] ?? "";
  input.setAttribute("aria-describedby", `d-${name}`);
  const label = name.replaceAll("_", " ");
  return h("div", { class: "option" }, h("label", { htmlFor: input.id }, label[0].toUpperCase() + label.slice(1)), input,
    h("p", { class: "hint", id: `d-${name}`, lang: "en" }, description ?? ""));
}

function choice(schema) {
  const words = schema.enum ?? ["true", "false"];
  const standard = schema.default === undefined || schema.default === null ? t("auto") : t("options.default", { value: spelled(String(schema.default)) });
  const others = words.filter((word) => word !== String(schema.default));
  return h("select", {}, h("option", { value: "" }, standard), others.map((word) => h("option", { value: word }, spelled(word))));
}

const spelled = (word) => ({ true: t("yes"), false: t("no") })[word] ?? word;

function entry({ type, minimum, maximum, maxLength }) {
  if (type === "integer" || type === "number") {
    return h("input", { type: "number", min: minimum ?? "", max: maximum ?? "", step: type === "integer" ? "1" : "any" });
  }
  return h("input", { type: "text", ...(maxLength && { maxLength }) });
}
