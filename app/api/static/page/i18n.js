// The words of the page, from one file per language, and numbers as that language writes them.

/** Another language is a file in strings/ and a line here. */
export const LANGUAGES = { en: "English", de: "Deutsch" };
const KEPT = "page.language";

let strings = {};
let language = "en";

/** Return the language that was chosen, else the first of the browser's that there is. */
export function preferredLanguage(chosen = localStorage.getItem(KEPT), accepted = navigator.languages) {
  const asked = [chosen, ...accepted].filter(Boolean).map((tag) => tag.split("-")[0]);
  return asked.find((code) => code in LANGUAGES) ?? "en";
}

export async function useLanguage(code) {
  strings = (await import(`./strings/${code}.js`)).default;
  language = code;
}

export const chooseLanguage = (code) => localStorage.setItem(KEPT, code);
export const currentLanguage = () => language;

/** Return the sentence `key` with its {names} filled in; {one, other} is chosen by values.n. */
export function t(key, values = {}) {
  const entry = strings[key];
  if (entry === undefined) throw new Error(`no words for ${key}`);
  const form = typeof entry === "string" ? entry : entry[new Intl.PluralRules(language).select(values.n)] ?? entry.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

export const has = (key) => key in strings;
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);
export const percent = (share) => number(share, { style: "percent", maximumFractionDigits: 0 });

/** 12:04, 1:02:14. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part) => String(part).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

const unit = (value, name, display = "long") => number(Math.round(value), { style: "unit", unit: name, unitDisplay: display });

/** "4 minutes", "1 hour, 5 minutes": rounded to what is worth knowing. */
export function about(seconds) {
  if (seconds < 55) return unit(seconds < 10 ? Math.max(1, seconds) : Math.ceil(seconds / 5) * 5, "second");
  if (seconds < 3570) return unit(seconds / 60, "minute");
  const minutes = Math.round(seconds / 60);
  const parts = [unit(Math.floor(minutes / 60), "hour"), ...(minutes % 60 ? [unit(minutes % 60, "minute")] : [])];
  return new Intl.ListFormat(language, { type: "unit" }).format(parts);
}

/** "12 minutes 4 seconds", for the ear. */
export function spoken(seconds) {
  const whole = Math.floor(seconds);
  const parts = [[Math.floor(whole / 3600), "hour"], [Math.floor(whole / 60) % 60, "minute"], [whole % 60, "second"]];
  const said = parts.filter(([value, name]) => value || (name === "second" && whole < 60)).map(([value, name]) => unit(value, name));
  return new Intl.ListFormat(language, { type: "unit", style: "narrow" }).format(said);
}

export function bytes(count) {
  const [value, name] = count >= 1e9 ? [count / 1e9, "gigabyte"] : count >= 1e6 ? [count / 1e6, "megabyte"] : [count / 1e3, "kilobyte"];
  return number(value, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function languageName(code) {
  if (code === "und") return t("language.none");
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(code);
  } catch {
    return code;
  }
}

/** Fill in what index.html only names: data-t the text, the others an attribute, data-t-tip label and title. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  const attributes = { label: ["aria-label"], title: ["title"], placeholder: ["placeholder"], tip: ["aria-label", "title"] };
  for (const [kind, names] of Object.entries(attributes)) {
    for (const element of root.querySelectorAll(`[data-t-${kind}]`)) {
      for (const name of names) element.setAttribute(name, t(element.getAttribute(`data-t-${kind}`)));
    }
  }
}
