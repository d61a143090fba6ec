// What every view needs of the DOM.

/** The elements of index.html by their ids: ui.zoomIn is #zoom-in. */
export const ui = new Proxy({}, { get: (_, name) => document.getElementById(name.replace(/[A-Z]/g, "-$&").toLowerCase()) });

/** Return a new element: h("p.hint", {…its properties}, …children). */
export function h(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = Object.assign(document.createElement(tag), properties);
  if (classes.length) element.className = classes.join(" ");
  element.append(...children.flat().filter(Boolean));
  return element;
}

const DRAWINGS = {
  drop: "M12 16V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3",
  play: "M8 5.5v13l11-6.5z",
  pause: "M7 5h3.5v14H7zm6.5 0H17v14h-3.5z",
  back: "M4 11a8 8 0 1 1 1.5 5.5M4 5v6h6",
  forward: "M20 11a8 8 0 1 0-1.5 5.5M20 5v6h-6",
  record: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  stop: "M7 7h10v10H7z",
  private: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
  theme: "M12 3.5a8.5 8.5 0 0 0 0 17zm0 0a8.5 8.5 0 0 1 0 17",
  download: "M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 20h14",
  up: "m6 15 6-6 6 6",
  next: "m6 9 6 6 6-6",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  undo: "M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-3",
  more: "M5 12h1m5.5 0h1m5.5 0h1",
};

export function icon(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("class", `icon i-${name}`);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.ariaHidden = true;
  path.setAttribute("d", DRAWINGS[name]);
  svg.append(path);
  return svg;
}

/** Tell a screen reader, and nobody else. */
export function announce(text) {
  ui.status.textContent = text;
}

/** Write something in its place, which is hidden without. */
export function say(element, ...content) {
  element.replaceChildren(...content);
  element.hidden = !content.some(Boolean);
}

let fading = 0;

/** Say something for a few seconds, with a button perhaps. */
export function toast(text, label = "", run) {
  const hide = () => say(ui.toast);
  clearTimeout(fading);
  say(ui.toast, text, label && h("button", { onclick: () => { hide(); run(); } }, label));
  fading = setTimeout(hide, 8000);
}

/** Show a popover below its anchor, or above it where there is no room. */
export function openPopover(popover, anchor) {
  popover.showPopover();
  const { left, top, bottom } = anchor.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = popover;
  const below = bottom + height + 8 <= innerHeight || top < height + 8;
  popover.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  popover.style.top = `${Math.max(8, below ? Math.min(bottom + 4, innerHeight - height - 8) : top - height - 4)}px`;
  popover.ontoggle = ({ newState }) => { anchor.ariaExpanded = newState === "open"; };
  popover.querySelector("button").focus();
}

/** Open the menu; `items` are {label, run, checked}. Arrows move, Escape closes. */
export function openMenu(anchor, label, items) {
  const { menu } = ui;
  menu.ariaLabel = label;
  menu.replaceChildren(...items.map(({ label, run, checked }) => h("button", {
    role: checked === undefined ? "menuitem" : "menuitemradio",
    ariaChecked: checked ?? null,
    onclick: () => {
      menu.hidePopover();
      anchor.focus();
      run();
    },
  }, label)));
  menu.onkeydown = moveInMenu;
  openPopover(menu, anchor);
}

function moveInMenu(event) {
  const items = [...ui.menu.children], at = items.indexOf(document.activeElement), last = items.length - 1;
  const next = { ArrowDown: at + 1, ArrowUp: at + last, Home: 0, End: last }[event.key];
  if (event.key === "Tab") ui.menu.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  items[next % items.length].focus();
}

/** Ask in the dialog; `buttons` are [value, label], the first for Enter. Return the value that was pressed, or "". */
export function ask(title, content, buttons) {
  const { dialog } = ui;
  ui.dialogTitle.textContent = title;
  ui.dialogBody.replaceChildren(...[content].flat());
  ui.dialogButtons.replaceChildren(...buttons.map(([value, label]) => h("button", { value }, label)));
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.oncancel = () => resolve("");
    dialog.onsubmit = (event) => {
      event.preventDefault();
      dialog.close();
      resolve(event.submitter.value);
    };
  });
}
