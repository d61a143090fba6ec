// What people give to the page: files that they choose, drop or paste. What would be refused is said before it is sent.

import { byId } from "./dom.js";
import { bytes, t } from "./i18n.js";

export const isJson = ({ name }) => /\.json$/i.test(name);

export function refuse(text) {
  byId("refused").textContent = text;
  byId("refused").hidden = !text;
}

/** Return why `file` cannot be sent, or "". */
export function problemOf({ name, size }, { max_upload_bytes: limit }) {
  if (!navigator.onLine) return t("refused.offline");
  if (size === 0) return t("refused.empty", { name });
  if (limit && size > limit) return t("refused.large", { name, size: bytes(size), limit: bytes(limit) });
  return "";
}

/** Call `take(files)` for whatever comes in; return choose(taken), which asks for one file for another purpose. */
export function createIntake(take) {
  const input = byId("file"), dropping = byId("dropping");
  let taken = take;

  /** No `accept`: its wildcards grey out recordings on iOS. The service judges by content. */
  function choose(receiver, several) {
    taken = receiver;
    input.multiple = several;
    input.click();
  }
  byId("choose").addEventListener("click", () => choose(take, true));
  input.addEventListener("change", () => {
    taken([...input.files]);
    input.value = "";
  });

  const carriesFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    dropping.hidden = false;
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping.hidden = true; });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    dropping.hidden = true;
    const { items, files } = event.dataTransfer;
    const folder = [...items].map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
    if (folder) refuse(t("refused.folder", { name: folder.name }));
    else take([...files]);
  });
  addEventListener("paste", ({ clipboardData: { files } }) => { if (files.length) take([...files]); });

  return (receiver) => choose(receiver, false);
}
