// What recordings are sent with, chosen as it was chosen last time.

import { h, ui } from "./dom.js";
import { languageName, number, t } from "./i18n.js";

const KEPT = "page.options", COUNTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/** Chosen elsewhere on the page, or of no use to a person in front of it. */
const ELSEWHERE = ["output_format", "output", "stream", "encode", "language", "model", "num_speakers", "diarize",
  "max_line_width", "max_line_count", "highlight_words", "return_speaker_embeddings"];

export function createOptions({ languages, models, default_model: standard }) {
  const { options: form, moreOptions } = ui;
  let kept = restored();

  function fill() {
    const named = languages.map((code) => [code, languageName(code)]).sort(([, a], [, b]) => a.localeCompare(b));
    fillSelect("language", [["", t("auto")], ...named]);
    fillSelect("speakers", [["", t("auto")], ...COUNTS.map((count) => [count, number(count)]), ["none", t("speakers.none")]]);
    fillSelect("model", [["", standard], ...models.filter((name) => name !== standard).map((name) => [name, name])]);
  }

  function fillSelect(name, choices) {
    form.elements[name].replaceChildren(...choices.map(([value, label]) => h("option", { value }, label)));
    form.elements[name].value = kept[name] ?? "";
    form.elements[name].selectedIndex = Math.max(0, form.elements[name].selectedIndex);
  }

  ui.more.onclick = async ({ currentTarget }) => {
    if (!form.elements.task) moreOptions.append(...await furtherFields(kept), h("button.quiet", { type: "button", onclick: reset }, t("options.reset")));
    currentTarget.ariaExpanded = moreOptions.hidden;
    moreOptions.hidden = !moreOptions.hidden;
  };

  function reset() {
    kept = {};
    localStorage.removeItem(KEPT);
    for (const { name } of form.elements) if (name) form.elements[name].value = "";
  }

  form.onchange = () => {
    kept = { ...kept, ...Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()])) };
    localStorage.setItem(KEPT, JSON.stringify(kept));
  };
  form.onsubmit = () => false;
  ui.showOptions.onclick = ({ currentTarget }) => { currentTarget.ariaExpanded = ui.start.classList.toggle("open"); };
  fill();

  /** Return the chosen options by their names in the API; what is left as it is stays unsent. */
  function values() {
    const { speakers, ...others } = Object.fromEntries(Object.entries(kept).filter(([, value]) => value));
    return { ...others, ...(speakers === "none" ? { diarize: "false" } : speakers && { num_speakers: speakers }) };
  }
  return { values, fill };
}

function restored() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

/** Return a field for each further option that the service describes: there is no second list here. */
async function furtherFields(kept) {
  const { paths } = await fetch("openapi.json").then((answer) => answer.json());
  const options = paths["/asr"].post.parameters.filter(({ name, in: where }) => where === "query" && !ELSEWHERE.includes(name));
  return options.map(({ name, description, schema }) => fieldOf(name, description, { ...schema, ...schema.anyOf?.find(({ type }) => type !== "null") }, kept[name] ?? ""));
}

function fieldOf(name, description = "", schema, value) {
  const input = schema.enum || schema.type === "boolean" ? choice(schema) : entry(schema);
  const label = name.replaceAll("_", " "), described = `d-${name}`;
  Object.assign(input, { name, id: `o-${name}`, value });
  input.setAttribute("aria-describedby", described);
  return h("div.option", {}, h("label", { htmlFor: input.id }, label[0].toUpperCase() + label.slice(1)), input, h("p.hint", { id: described, lang: "en" }, description));
}

function choice({ enum: words = ["true", "false"], default: standard }) {
  const spelled = (word) => ({ true: t("yes"), false: t("no") })[word] ?? word;
  const first = standard == null ? t("auto") : t("options.default", { value: spelled(String(standard)) });
  const others = words.filter((word) => word !== String(standard));
  return h("select", {}, h("option", { value: "" }, first), others.map((value) => h("option", { value }, spelled(value))));
}

function entry({ type, minimum = "", maximum = "", maxLength = 1000 }) {
  if (type === "string") return h("input", { type: "text", maxLength });
  return h("input", { type: "number", min: minimum, max: maximum, step: type === "integer" ? "1" : "any" });
}
