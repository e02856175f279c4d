// Keys, marks and corrections of the review app. Views are HTML from the server; what changes a view is fetched and put in its place.
"use strict";

const ZOOM_STEP = 1.25;
const MARK_ROOM = 1.5; // points around the words of a mark
const KNOWN_PAGES = 24; // whose words are kept
const secret = document.querySelector('meta[name="x-octavo"]').content;
let zoom = Number(sessionStorage.getItem("zoom")) || 1;
let words = null; // of the page that is shown
let marked = null; // what was dragged over for the field in focus
let busy = false;
let fetchedAhead = "";

const view = () => document.getElementById("view");
const focusPath = () => view().dataset.field;
const status = (text) => { document.getElementById("status").textContent = text; };
const control = (path) => [...view().querySelectorAll("[data-path]")].find((one) => one.dataset.path === path);

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Octavo": secret },
    body: JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({ error: `The server said ${answer.status}.` }));
  if (told.error) throw Object.assign(new Error(told.error), { isOld: answer.status === 409 });
  return told;
}

async function load(address, options = {}) {
  const answer = await fetch(address);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) { status((fresh.getElementById("sentence") || fresh.body).textContent.trim()); return; }
  await put(fresh, address, options);
}

const placed = (html, address, options) => put(new DOMParser().parseFromString(html, "text/html"), address, options);

async function put(fresh, address, { push = true, only = null } = {}) { // a view that the server made, in its place
  const main = fresh.getElementById("view");
  const old = view();
  const { document: id, page, pictured, marks, text } = main.dataset;
  const samePage = !only && old.dataset.document === id && old.dataset.page === page && pictured === "1" && old.dataset.pictured === "1";
  if (only) {
    document.getElementById(only).replaceWith(main.querySelector(`#${only}`));
    Object.assign(old.dataset, { page, marks, text });
  } else {
    if (samePage) main.querySelector("#page-pane").replaceWith(document.getElementById("page-pane")); // only its marks change
    old.replaceWith(main);
  }
  document.title = fresh.title;
  if (push) history.pushState({}, "", address);
  marked = null;
  await shown();
}

async function shown() {
  const main = view();
  if (main.dataset.view !== "value" && main.dataset.view !== "document") return;
  zoomed();
  const focused = main.querySelector(".field.focus, td.focus");
  if (focused) focused.scrollIntoView({ block: "center" });
  if (main.dataset.pictured === "1") await drawMarks();
  else main.querySelector("mark.focused")?.scrollIntoView({ block: "center" });
  main.dataset.ready = "1";
  (window.requestIdleCallback || setTimeout)(() => fetchAhead(main));
}

// --- the page ---------------------------------------------------------------------------------------------------

const known = new Map(); // words of pages by document, page and text, the latest last

function wordsOf(id, page, text) {
  const key = JSON.stringify([id, page, text]);
  if (!known.has(key)) {
    const asked = fetch(`/words/${encodeURIComponent(id)}/${page}`).then((answer) => (answer.ok ? answer.json() : null));
    known.set(key, asked);
    asked.then((found) => { if (!found) known.delete(key); }, () => known.delete(key));
    if (known.size > KNOWN_PAGES) known.delete(known.keys().next().value);
  }
  return known.get(key);
}

function fetchAhead(main) { // the picture and the words of the page that is probably wanted next
  const next = main === view() && main.dataset.ahead;
  if (!next || next === fetchedAhead) return;
  fetchedAhead = next;
  const [id, page, text] = JSON.parse(next);
  new Image().src = `/page/${encodeURIComponent(id)}/${page}.jpg`;
  wordsOf(id, String(page), text).catch(() => {});
}

async function drawMarks() {
  const main = view();
  const { document: id, page, text } = main.dataset;
  const found = await wordsOf(id, page, text || "");
  if (!found || view() !== main || main.dataset.page !== page) return;
  words = found;
  const note = main.querySelector("[data-note]");
  note.textContent = words.note;
  note.hidden = !words.note;
  hideWithoutPicture(main.querySelector("[data-picture] img"));
  const svg = main.querySelector("[data-picture] svg");
  svg.replaceChildren();
  if (!words.width) return;
  svg.setAttribute("viewBox", `0 0 ${words.width} ${words.height}`);
  const marks = JSON.parse(main.dataset.marks || "[]");
  for (const [start, end, focus] of marks) {
    for (const box of joined(start, end)) draw(svg, box, focus ? "mark focused" : "mark");
  }
  if (!marks.some(([, , focus]) => focus)) drawByText(svg);
  (svg.querySelector(".focused") || svg).scrollIntoView({ block: "center", inline: "nearest" });
}

function hideWithoutPicture(image) { // a damaged file has none, and the note says why
  const hide = () => { image.closest("[data-picture]").hidden = true; };
  if (image.complete && !image.naturalWidth) hide();
  else image.addEventListener("error", hide);
}

function drawByText(svg) {
  const value = (control(focusPath())?.value || "").trim().toLowerCase();
  if (!value || !words.lines) return;
  words.words.forEach((box, number) => {
    if (words.lines[number].toLowerCase().includes(value)) draw(svg, box, "mark focused");
  });
}

function joined(start, end) { // the boxes of a span, those of one line that stand close together as one
  const row = [];
  for (const box of words.words) {
    if (box[0] >= end || box[1] <= start) continue;
    const [from, to, left, top, width, height] = clipped(box, start, end);
    const last = row.at(-1);
    const sideways = height > 2 * width && to - from > 2;
    if (last && !sideways && Math.abs(last[3] - top) < height / 2 && left - (last[2] + last[4]) < height && left >= last[2]) {
      const bottom = Math.max(last[3] + last[5], top + height);
      last[3] = Math.min(last[3], top);
      last[4] = Math.max(last[2] + last[4], left + width) - last[2];
      last[5] = bottom - last[3];
    } else row.push([from, to, left, top, width, height]);
  }
  return row;
}

function clipped(box, start, end) { // the part of a long box that a span covers; of a word all of it
  const [from, to, left, top, width, height] = box;
  if (!words.lines || from < 0 || (start <= from && end >= to)) return box;
  const share = (at) => (Math.min(Math.max(at, from), to) - from) / (to - from);
  return [from, to, left + width * share(start), top, width * (share(end) - share(start)), height];
}

function draw(svg, [, , left, top, width, height], kind) {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const room = MARK_ROOM * (words.width / 600);
  const sides = { x: left - room, y: top - room, width: width + 2 * room, height: height + 2 * room, rx: 2 * room };
  for (const [name, value] of Object.entries(sides)) rect.setAttribute(name, value);
  rect.setAttribute("class", kind);
  svg.append(rect);
}

function zoomed(by = 0) {
  if (by) { zoom = Math.min(4, Math.max(0.5, zoom * ZOOM_STEP ** by)); sessionStorage.setItem("zoom", zoom); }
  const paper = view().querySelector(".paper");
  if (!paper) return;
  if (paper.dataset.picture !== undefined) paper.style.width = `${zoom * 100}%`;
  else paper.style.fontSize = `${zoom}em`;
}

async function turn(number) {
  const main = view();
  const pages = Number(main.dataset.pages);
  const page = number < 1 ? pages : number > pages ? 1 : number;
  if (page === Number(main.dataset.page)) return;
  const address = new URL(location.href);
  address.searchParams.set("page", page);
  await load(address.href, { push: false, only: "page-pane" });
}

let dragged = null;

function boxAt(svg, event) {
  const matrix = svg.getScreenCTM();
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
}

document.addEventListener("pointerdown", (event) => {
  const paper = event.target.closest("[data-picture]");
  if (!paper || !words || !words.width || event.button) return;
  const svg = paper.querySelector("svg");
  dragged = { svg, from: boxAt(svg, event) };
  event.preventDefault();
});

document.addEventListener("pointermove", (event) => { if (dragged) select(boxAt(dragged.svg, event)); });

document.addEventListener("pointerup", (event) => {
  if (dragged) {
    select(boxAt(dragged.svg, event));
    const { chosen } = dragged;
    dragged = null;
    if (chosen && chosen.length) fill(chosen);
  } else if (event.target.closest("[data-text]")) fillFromText();
});

function select(to) {
  const { svg, from } = dragged;
  const [x1, x2] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
  const [y1, y2] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
  svg.querySelectorAll(".chosen").forEach((one) => one.remove());
  dragged.chosen = words.words.map((box, number) => ({ box, number }))
    .filter(({ box: [, , left, top, width, height] }) => left < x2 && left + width > x1 && top < y2 && top + height > y1);
  dragged.chosen.forEach(({ box }) => draw(svg, box, "mark chosen"));
}

function fill(chosen) {
  const seen = new Set();
  const texts = [];
  let [start, end] = [Infinity, -1];
  for (const { box: [from, to], number } of chosen) {
    if (from < 0) texts.push(words.lines[number]);
    else if (!seen.has(from)) {
      seen.add(from);
      texts.push(words.text.slice(from, to));
      start = Math.min(start, from);
      end = Math.max(end, to);
    }
  }
  write(texts.join(" "), end < 0 ? {} : { start, end, quote: words.text.slice(start, end) });
}

function fillFromText() {
  const chosen = getSelection();
  if (!chosen || chosen.isCollapsed) return;
  const at = (node, offset) => {
    const piece = node.parentElement?.closest("[data-start]");
    return piece ? Number(piece.dataset.start) + offset : -1;
  };
  const ends = [at(chosen.anchorNode, chosen.anchorOffset), at(chosen.focusNode, chosen.focusOffset)].sort((a, b) => a - b);
  const quote = chosen.toString().trim();
  if (quote) write(quote, ends[0] < 0 ? {} : { start: ends[0], end: ends[1], quote });
}

function write(text, place) {
  const own = document.activeElement?.dataset?.path ? document.activeElement : control(focusPath());
  if (!own || own.readOnly || own.disabled) return;
  own.value = text;
  marked = { path: own.dataset.path, page: Number(view().dataset.page), quote: text, ...place };
  own.classList.add("edited");
  own.focus();
  status(`${own.dataset.path}: ${text}. Enter keeps it.`);
}

// --- what is said -----------------------------------------------------------------------------------------------

async function once(work) {
  if (busy) return; // a second y while the next value is on its way would judge what nobody has seen
  busy = true;
  document.body.dataset.busy = "1";
  try { await work(); } catch (error) { await failed(error); } finally { busy = false; delete document.body.dataset.busy; }
}

async function failed(error) {
  if (error.isOld) await load(location.href, { push: false }).catch(() => {}); // it shows what has become of the answer
  problem(error.message);
}

function problem(text) {
  const place = view().querySelector(".problem");
  if (place) { place.textContent = text; place.hidden = false; }
  status(text);
}

const here = () => {
  const { document: id, question, field } = view().dataset;
  return { document: id, question, field };
};
const filters = () => JSON.parse(view().dataset.filters || "{}");

const inValue = () => view().dataset.view === "value";

function edited() { // a field in which something was typed and not kept
  return [...view().querySelectorAll("[data-path]")].find(isEdited);
}

const isEdited = (own) => own.value !== own.dataset.before.replace(/\r\n?/g, "\n"); // as a box has its lines

function refuseToLeave() {
  const own = inValue() && edited();
  if (!own) return false;
  problem(`${own.dataset.path} was edited: Enter keeps it, Esc leaves it as it was.`);
  own.focus();
  return true;
}

async function goTo({ address, view: html }) {
  if (address) { await placed(html, address); return; }
  if (inValue()) await load("/");
  status("Nothing is left to look at. Others may hold documents.");
}

async function next() {
  if (refuseToLeave()) return;
  await goTo(await post("/api/next", { here: inValue() ? here() : {}, filters: filters() }));
}

async function back() {
  if (refuseToLeave()) return;
  const told = await post("/api/back", { here: inValue() ? here() : {} });
  if (told.address) await load(told.address);
  else status("This is where you began.");
}

async function say(verdict, value = null, path = focusPath(), more = {}) {
  const { seen, page } = view().dataset;
  return post("/api/say", { ...here(), field: path, verdict, value, seen, page: Number(page), filters: filters(), ...more });
}

async function judge(verdict) {
  if (!inValue() || !focusPath()) return;
  const before = focusPath();
  const own = control(before);
  const other = edited();
  if (other && (other !== own || verdict !== "right")) { refuseToLeave(); return; }
  const isTyped = verdict === "right" && own && isEdited(own); // right is what is seen
  const more = { then: "next", here: here(), ...(isTyped ? kindAndPlace(own) : {}) };
  await goTo(isTyped ? await say(own.value.trim() ? "changed" : "absent", own.value, before, more) : await say(verdict, null, before, more));
  status(`${before}: ${verdict === "right" ? "right" : "not in the document"}.`);
}

const kindAndPlace = (own) => ({ kind: own.dataset.kind, ...(marked && marked.path === own.dataset.path ? { place: marked } : {}) });

async function keep(own) {
  const { path } = own.dataset;
  if (!isEdited(own) && !(marked && marked.path === path)) { await again(path); return; }
  const isEmpty = own.value.trim() === "";
  const told = await say(isEmpty ? "absent" : "changed", isEmpty ? null : own.value, path, kindAndPlace(own));
  await stay(told.view, path);
  status(isEmpty ? `${path}: not in the document.` : `${path}: ${told.value}`);
}

function addressOf(path) { // this view with another field in focus, and the page that is shown
  const address = new URL(location.href);
  address.searchParams.set("field", path);
  address.searchParams.set("page", view().dataset.page);
  return address.href;
}

async function stay(html, path) { // the same view with what was said
  const address = addressOf(path);
  await placed(html, address, { push: false });
  history.replaceState({}, "", address);
  document.activeElement?.blur();
}

async function again(path) {
  await load(addressOf(path), { push: false });
  document.activeElement?.blur();
}

async function undo() {
  const told = await post("/api/undo", {});
  if (told.address) await load(told.address);
  status(told.sentence);
}

async function row(button) {
  if (refuseToLeave()) return;
  const { row: path } = button.closest("[data-row]").dataset;
  const list = path.slice(0, path.lastIndexOf("["));
  const number = Number(path.slice(path.lastIndexOf("[") + 1, -1));
  const isRemoved = button.dataset.remove !== undefined;
  const focus = focusPath().startsWith(`${list}[`) ? list : focusPath();
  const told = isRemoved ? await say("row_removed", null, path, { focus }) : await say("row_moved", number + Number(button.dataset.move), path, { focus });
  await stay(told.view, focus);
  status(isRemoved ? `${path} is removed. u takes it back.` : `${path} is moved.`);
}

async function add(path) {
  if (refuseToLeave()) return;
  const focus = focusPath();
  const told = await say("row_added", {}, path, { focus });
  await stay(told.view, focus);
  const fresh = [...view().querySelectorAll("[data-row]")].find((one) => one.dataset.row === path);
  fresh?.querySelector("[data-path]")?.focus();
}

// --- find -------------------------------------------------------------------------------------------------------

function find() {
  const form = view().querySelector(".find");
  if (!form) return;
  form.hidden = false;
  form.elements.text.focus();
  form.elements.text.select();
}

async function found(form) {
  const text = form.elements.text.value;
  const answer = await fetch(`/find/${encodeURIComponent(view().dataset.document)}?${new URLSearchParams({ text })}`);
  const places = answer.ok ? await answer.json() : [];
  form.querySelector("[data-found]").textContent = places.length === 1 ? "1 place" : `${places.length} places`;
  form.querySelector(".places").replaceChildren(...places.map((place) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: `p. ${place.page}: ${place.around}` });
    button.addEventListener("click", () => once(async () => { await turn(place.page); show(place); }));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
  if (places.length) { await turn(places[0].page); show(places[0]); }
}

function show({ start, end }) {
  const svg = view().querySelector("[data-picture] svg");
  if (!svg || !words || !words.width) return;
  svg.querySelectorAll(".found").forEach((one) => one.remove());
  for (const box of joined(start, end)) draw(svg, box, "mark found");
  svg.querySelector(".found")?.scrollIntoView({ block: "center" });
}

// --- hands ------------------------------------------------------------------------------------------------------

const KEYS = {
  j: next, k: back, y: () => judge("right"), n: () => judge("absent"), u: undo,
  e: async () => { const own = control(focusPath()); own?.focus(); own?.select?.(); },
  " ": async () => turn(Number(view().dataset.page) + 1),
  "/": async () => find(),
  "+": async () => zoomed(1), "-": async () => zoomed(-1),
  "?": async () => document.getElementById("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const own = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (own.matches("input, textarea, select")) {
    if (event.key === "Escape") {
      if (own.dataset.path) { own.value = own.dataset.before; own.classList.remove("edited"); marked = null; }
      if (own.closest(".find")) own.closest(".find").hidden = true;
      own.blur();
    } else if (event.key === "Enter" && own.dataset.path && !event.shiftKey) {
      event.preventDefault();
      once(() => keep(own));
    }
    return;
  }
  const act = KEYS[event.key];
  const inView = ["value", "document"].includes(view().dataset.view);
  if (!act || (!inView && !"j?".includes(event.key)) || (event.key === " " && own.matches("button, summary, a"))) return;
  event.preventDefault();
  once(act);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("a") && refuseToLeave()) { event.preventDefault(); return; }
  const button = event.target.closest("button");
  if (!button) return;
  const { verdict, candidate, page, zoom: by, add: place } = button.dataset;
  if (button.id === "help-button") document.getElementById("help").showModal();
  else if (button.dataset.next !== undefined) once(next);
  else if (verdict) once(() => judge(verdict));
  else if (button.dataset.edit !== undefined) once(KEYS.e);
  else if (button.dataset.undo !== undefined) once(undo);
  else if (candidate !== undefined) once(async () => { const own = control(focusPath()); own.value = candidate; await keep(own); });
  else if (page) once(() => turn(Number(page)));
  else if (by) zoomed(Number(by));
  else if (button.dataset.move || button.dataset.remove !== undefined) once(() => row(button));
  else if (place) once(() => add(place));
});

document.addEventListener("input", (event) => { if (event.target.dataset.path) event.target.classList.add("edited"); });

document.addEventListener("change", (event) => {
  const own = event.target;
  if (own.dataset.submit !== undefined) own.form.requestSubmit();
  else if (own.matches("select[data-path]")) once(() => keep(own));
  else if (own.name === "who") once(async () => { await post("/api/who", { who: own.value }); status(`You are ${own.value}.`); });
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" && form.getAttribute("action")) return;
  if (form.method === "dialog") return;
  event.preventDefault();
  if (form.matches(".find")) once(() => found(form));
  else if (form.id === "who") form.elements.who.blur();
});

addEventListener("popstate", () => load(location.href, { push: false }));
shown();
