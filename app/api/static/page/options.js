// What the recording is sent with. Limits and names come from the service; what was chosen last time is chosen again.

import { byId, h } from "./dom.js";
import { languageName, number, t } from "./i18n.js";

const KEPT = "page.options", MOST_SPEAKERS = 12;

/** Fill the form. The returned object tells what is chosen, and fills it again in another language. */
export function createOptions(service) {
  const more = byId("more-options");
  let kept = restored();

  const controls = () => ({
    language: byId("o-language"), speakers: byId("o-speakers"), model: byId("o-model"),
    ...Object.fromEntries([...more.querySelectorAll("[name]")].map((control) => [control.name, control])),
  });

  function fill() {
    const languages = (service.languages ?? []).map((code) => [code, languageName(code)]).sort(([, a], [, b]) => a.localeCompare(b));
    const counts = Array.from({ length: MOST_SPEAKERS }, (_, index) => [String(index + 1), number(index + 1)]);
    const models = (service.models ?? []).filter((name) => name !== service.default_model).map((name) => [name, name]);
    fillSelect(byId("o-language"), kept.language, [["", t("auto")], ...languages]);
    fillSelect(byId("o-speakers"), kept.speakers, [["", t("auto")], ...counts, ["none", t("speakers.none")]]);
    fillSelect(byId("o-model"), kept.model, [["", service.default_model ?? t("auto")], ...models]);
  }

  async function showMore() {
    if (!more.querySelector("[name]")) {
      const { optionFields } = await import("./more_options.js");
      more.append(...await optionFields(kept), h("button", { type: "button", class: "quiet", onclick: reset }, t("options.reset")));
    }
    more.hidden = !more.hidden;
    byId("more").setAttribute("aria-expanded", String(!more.hidden));
  }

  function reset() {
    kept = {};
    localStorage.removeItem(KEPT);
    for (const each of Object.values(controls())) each.value = "";
  }

  /** Return the chosen options by their names in the API; what is left as it is stays unsent. */
  function values() {
    const { speakers = "", ...others } = kept;
    const count = speakers === "none" ? { diarize: "false" } : speakers ? { num_speakers: speakers } : {};
    return { ...Object.fromEntries(Object.entries(others).filter(([, value]) => value !== "")), ...count };
  }

  byId("options").addEventListener("change", () => {
    kept = { ...kept, ...Object.fromEntries(Object.entries(controls()).map(([name, { value }]) => [name, value.trim()])) };
    localStorage.setItem(KEPT, JSON.stringify(kept));
  });
  byId("options").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", showMore);
  byId("show-options").addEventListener("click", ({ currentTarget }) => {
    currentTarget.setAttribute("aria-expanded", String(byId("start").classList.toggle("open")));
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
