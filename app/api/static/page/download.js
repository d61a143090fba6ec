// What leaves the page: documents in every form, written by the service; the work itself as a file; the clipboard.

import { announce, h, openPopover, toast, ui } from "./dom.js";
import { errorText } from "./files.js";
import { number, t } from "./i18n.js";
import { errorOf, parsed } from "./job.js";
import { plainText, toDocument } from "./transcript.js";

const baseOf = (name) => name.replace(/\.[^.]+$/, "");

/** Offer every form that the service writes, with what can be chosen for it. */
export function openDownloads(anchor, outputs, entry) {
  const host = ui.downloads, alert = h("p", { role: "alert" });
  const named = h("input", { type: "checkbox", checked: true }), width = h("input", { type: "number", min: 1, max: 1000, placeholder: number(42) });
  const choose = (output) => download(entry, output, named.checked, width.value).then(() => host.hidePopover(), ({ message }) => alert.replaceChildren(message));
  host.replaceChildren(
    h("ul.formats", {}, outputs.map((output) => h("li", {}, h("button", { onclick: () => choose(output) }, h("strong", {}, output.label), h("span.hint", {}, `.${output.ending}`))))),
    entry.history.work.speakers.length ? h("label.check", {}, named, t("download.speakers")) : "",
    h("label", {}, t("download.width"), width), alert,
  );
  openPopover(host, anchor);
}

/** Save the document as the service writes it: there is no second writer of subtitles here. */
async function download({ name, history }, output, named, width) {
  const query = new URLSearchParams({ output: output.name, ...(width && ["srt", "vtt"].includes(output.name) && { max_line_width: width }) });
  const body = JSON.stringify(toDocument(history.work, named));
  const answer = await fetch(`render?${query}`, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
  if (!answer?.ok) throw new Error(errorText(answer ? errorOf(answer.status, parsed(await answer.text())) : { code: "no_connection" }));
  save(await answer.blob(), `${baseOf(name)}.${output.ending}`);
}

export async function downloadAll(entries, outputs) {
  for (const entry of entries) {
    await download(entry, outputs.find(({ name }) => name === "text"), true).catch(({ message }) => toast(message));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

export function saveWork({ name, file, history }) {
  const work = { version: 1, speakers: history.work.speakers.map((each) => each.name), file: { name, size: file?.size } };
  save(new Blob([JSON.stringify({ ...toDocument(history.work), work })], { type: "application/json" }), `${baseOf(name)}.work.json`);
  history.saved();
}

/** Return {document, name, size} of saved work or of an answer of the API, else null. */
export async function readWork(file) {
  const document = parsed(await file.text());
  if (!Array.isArray(document?.segments) || typeof document.duration !== "number") return null;
  return { document, name: baseOf(file.name), ...document.work?.file };
}

function save(blob, download) {
  announce(t("download.done", { name: download }));
  const href = URL.createObjectURL(blob);
  h("a", { href, download }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

export const copyTranscript = ({ history }) => copyText(plainText(toDocument(history.work).segments));

/** Copy, over plain http too; what does not work is said. */
export async function copyText(text) {
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  toast(t(copied || copyBySelection(text) ? "copied" : "copy.failed"));
}

function copyBySelection(value) {
  const field = h("textarea.unseen", { value, ariaHidden: true }), focused = document.activeElement;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused.focus();
  return copied;
}
