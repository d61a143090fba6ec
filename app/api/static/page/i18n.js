// The words of the page, from one file per language, and numbers as that language writes them.

import { icon } from "./dom.js";

/** Another language is a file in strings/ and a name here. */
export const LANGUAGES = { en: "English", de: "Deutsch" };
export const KEPT = "page.language";

let strings = {}, language = "en";

/** Return the language that was chosen, else the first of the browser's that there is. */
export const preferredLanguage = () =>
  [localStorage.getItem(KEPT) ?? "", ...navigator.languages].map((tag) => tag.split("-")[0]).find((code) => code in LANGUAGES) ?? "en";

export async function useLanguage(code) {
  const file = await fetch(new URL(`strings/${code}.txt`, import.meta.url)).then((answer) => answer.text());
  strings = Object.fromEntries([...file.matchAll(/^(\S+) = (.+)$/gm)].map(([, key, words]) => [key, words]));
  document.documentElement.lang = language = code;
}

/** Return the words for `key` with {names} filled in; of several forms `n` chooses, as the language counts. */
export function t(key, values = {}) {
  const forms = strings[key].split(" | "), rules = new Intl.PluralRules(language);
  const form = forms[rules.resolvedOptions().pluralCategories.indexOf(rules.select(values.n))] ?? forms.at(-1);
  return form.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

export const has = (key) => key in strings;
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);
export const percent = (share) => number(share, { style: "percent" });

/** 12:04, 1:02:14. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds)), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
  const two = (count) => String(count % 60).padStart(2, "0");
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole)}`;
}

/** "12 minutes, 4 seconds". */
export function spoken(time) {
  const [hours, minutes, seconds] = [time / 3600, (time / 60) % 60, time % 60].map(Math.floor);
  return new Intl.DurationFormat(language, { style: "long", secondsDisplay: time < 60 ? "always" : "auto" }).format({ hours, minutes, seconds });
}

/** "4 minutes", "1 hour, 5 minutes": rounded to what is worth knowing. */
export function about(seconds) {
  const [step, rounded] = seconds < 10 ? [1, Math.round] : seconds < 55 ? [5, Math.ceil] : [60, Math.round];
  return spoken(Math.max(1, rounded(seconds / step)) * step);
}

export function bytes(count) {
  const [size, unit] = [[1e9, "gigabyte"], [1e6, "megabyte"], [1e3, "kilobyte"]].find(([size]) => count >= size) ?? [1, "byte"];
  return number(count / size, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: count < 10 * size ? 1 : 0 });
}

export function languageName(code) {
  if (code === "und") return t("language.none");
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(code);
  } catch {
    return code;
  }
}

const NAMES = { label: ["ariaLabel"], title: ["title"], tip: ["ariaLabel", "title"], ask: ["ariaLabel", "placeholder"] };

/** Write what an element names: data-t its words, data-icon a drawing, the others attributes. Without a value its id is the key. */
export function dress(element) {
  const { dataset } = element, key = (kind) => dataset[kind] || element.id;
  const content = ["icon" in dataset && icon(key("icon")), "t" in dataset && t(key("t"))].filter(Boolean);
  if (content.length) element.replaceChildren(...content);
  for (const kind in NAMES) if (kind in dataset) for (const name of NAMES[kind]) element[name] = t(key(kind));
}

export const translate = () => document.querySelectorAll("[data-t], [data-icon], [data-label], [data-title], [data-tip], [data-ask]").forEach(dress);
