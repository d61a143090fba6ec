// What every view needs of the DOM: elements, announcements, one menu and one dialog.

export const byId = (id) => document.getElementById(id);

/** Return a new element. Names with a dash and `role` become attributes, on… listeners, the rest properties. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || !(name in element)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return one of the drawings that index.html defines. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  drawing.append(use);
  return drawing;
}

/** Tell a screen reader, and nobody else. */
export function announce(text) {
  byId("status").textContent = text;
}

/** Say something beside what the person did, for a few seconds, with an action perhaps. */
export function toast(text, action) {
  const note = byId("toast");
  clearTimeout(toast.timer);
  note.replaceChildren(text, ...(action ? [h("button", { onclick: () => { note.hidden = true; action.run(); } }, action.label)] : []));
  note.hidden = false;
  toast.timer = setTimeout(() => { note.hidden = true; }, 8000);
}

/** Open the menu below `anchor`; `items` are {label, run, checked}. Arrows move, Escape closes. */
export function openMenu(anchor, label, items) {
  const menu = byId("menu");
  const radio = items.some((item) => "checked" in item);
  menu.setAttribute("aria-label", label);
  menu.replaceChildren(...items.map((item) => h("button", {
    role: radio && "checked" in item ? "menuitemradio" : "menuitem",
    "aria-checked": "checked" in item ? String(item.checked) : undefined,
    onclick: () => {
      menu.hidePopover();
      anchor.focus();
      item.run();
    },
  }, item.label)));
  menu.showPopover();
  place(menu, anchor);
  menu.onkeydown = moveInMenu;
  menu.ontoggle = ({ newState }) => {
    anchor.setAttribute("aria-expanded", String(newState === "open"));
    if (newState === "closed" && menu.contains(document.activeElement)) anchor.focus();
  };
  menu.firstElementChild?.focus();
}

/** Put a popover below its anchor, or above it where there is no room, inside the window. */
export function place(popover, anchor) {
  const box = anchor.getBoundingClientRect(), { offsetWidth: width, offsetHeight: height } = popover;
  const below = box.bottom + height + 8 <= innerHeight || box.top < height + 8;
  popover.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
  popover.style.top = `${Math.max(8, below ? Math.min(box.bottom + 4, innerHeight - height - 8) : box.top - height - 4)}px`;
}

function moveInMenu(event) {
  const items = [...event.currentTarget.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  items[next % items.length].focus();
}

/** Show `content` in the dialog under a title; `buttons` are [value, label]. Return the value that was pressed, or "". */
export function showDialog(title, content, buttons) {
  const dialog = byId("dialog");
  byId("dialog-title").textContent = title;
  byId("dialog-body").replaceChildren(...[content].flat());
  byId("dialog-buttons").replaceChildren(...buttons.map(([value, label], index) => h("button", {
    class: index === 0 ? "primary" : "", onclick: () => dialog.close(value),
  }, label)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}
