// What leaves the page: documents in every form, written by the service; the work itself as a file; the clipboard.

import { announce, byId, h, place, toast } from "./dom.js";
import { number, t } from "./i18n.js";
import { errorOf, parsed } from "./upload.js";
import { plainText, toDocument, WORK_VERSION } from "./transcript.js";

const CUES = new Set(["srt", "vtt"]);

export const baseOf = (name) => name.replace(/\.[^.]+$/, "");

/** Offer every form that the service writes, with what can be chosen for it. */
export function openDownloads(anchor, service, entry) {
  const host = byId("downloads");
  const named = h("input", { type: "checkbox", checked: true });
  const width = h("input", { type: "number", min: 1, max: 1000, placeholder: number(42) });
  const options = () => ({ named: named.checked, width: width.value });
  host.replaceChildren(
    h("ul", { class: "formats" }, service.outputs.map((output) => h("li", {}, h("button", {
      onclick: () => download(entry, output, options()).then(() => host.hidePopover(), (error) => failed(host, error)),
    }, h("strong", {}, output.label), h("span", { class: "hint" }, `.${output.ending}`))))),
    entry.history.work.speakers.length ? h("label", { class: "check" }, named, t("download.speakers")) : "",
    h("label", {}, h("span", {}, t("download.width")), width),
    h("p", { role: "alert" }),
  );
  host.showPopover();
  place(host, anchor);
  host.ontoggle = ({ newState }) => anchor.setAttribute("aria-expanded", String(newState === "open"));
  host.querySelector("button").focus();
}

function failed(host, error) {
  host.querySelector("[role=alert]").textContent = error.message;
}

async function download(entry, output, options) {
  save(await rendered(entry.history.work, output.name, options), `${baseOf(entry.name)}.${output.ending}`);
  announce(t("download.done", { name: output.label }));
}

/** Return the document as the service writes it: there is no second writer of subtitles here. */
export async function rendered(work, output, { named = true, width = "" } = {}) {
  const query = new URLSearchParams({ output, ...(width && CUES.has(output) && { max_line_width: width }) });
  const answer = await fetch(`render?${query}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(toDocument(work, { named })),
  }).catch(() => null);
  if (answer?.ok) return answer.blob();
  const error = answer ? errorOf(answer.status, parsed(await answer.text())) : { code: "no_connection" };
  throw new Error(error.detail ?? t(`error.${error.code}`, { status: String(error.status ?? "") }));
}

/** Save every work in one form, each as a file of its own. */
export async function downloadAll(entries, service, output = service.outputs.find(({ name }) => name === "text") ?? service.outputs[0]) {
  for (const entry of entries) {
    await download(entry, output, {}).catch((error) => toast(error.message));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

export function saveWork(entry) {
  const { work } = entry.history;
  const file = { name: entry.name, ...(entry.file && { size: entry.file.size }) };
  const kept = { ...toDocument(work), work: { version: WORK_VERSION, speakers: work.speakers.map(({ name }) => name), file } };
  save(new Blob([JSON.stringify(kept)], { type: "application/json" }), `${baseOf(entry.name)}.work.json`);
  entry.history.saved();
  announce(t("work.saved"));
}

/** Return {document, name, size} of a file that saveWork wrote, or of an answer of the API; null where it is neither. */
export async function readWork(file) {
  const document = parsed(await file.text());
  if (!Array.isArray(document?.segments) || typeof document.duration !== "number") return null;
  const { name, size } = document.work?.file ?? { name: baseOf(file.name) };
  return { document, name, size };
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export const copyTranscript = (entry) => copyText(plainText(toDocument(entry.history.work).segments));

/** Copy, by what a page over plain http may use as well; what does not work is said. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return toast(t("copied"));
  } catch {
    return toast(copyBySelection(text) ? t("copied") : t("copy.failed"));
  }
}

function copyBySelection(text) {
  const field = h("textarea", { value: text, class: "unseen", "aria-hidden": "true" });
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus?.();
  return copied;
}
