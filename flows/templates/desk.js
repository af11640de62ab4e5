"use strict";
const form = document.querySelector("form.filters");
const items = Array.from(document.querySelectorAll(".list li"));
const detail = document.querySelector(".detail .body");
const count = document.getElementById("count");
const place = document.getElementById("place");
let shown = [], current = null;

// An item's values of a field stand between bars, as |neg.no|unc.may|: some have several.
function matches(item) {
  for (const field of form.elements) {
    if (!field.name || field.value === "") continue;
    if (!(item.dataset[field.name] || "").includes(`|${field.value}|`)) return false;
  }
  return true;
}
function select(item) {
  if (current) current.classList.remove("current");
  current = item;
  detail.replaceChildren();
  if (!item) { place.textContent = ""; return; }
  item.classList.add("current");
  detail.append(item.querySelector("template").content.cloneNode(true));
  detail.parentElement.scrollTop = 0;
  place.textContent = `${shown.indexOf(item) + 1} of ${shown.length}`;
}
function apply() {
  shown = items.filter(matches);
  const wanted = new Set(shown);
  for (const item of items) item.hidden = !wanted.has(item);
  const total = Number(count.dataset.total);
  const chosen = total > items.length ? `, chosen from ${total.toLocaleString("en")}` : "";
  count.textContent = `${shown.length.toLocaleString("en")} of ${items.length.toLocaleString("en")} shown${chosen}`;
  document.querySelector(".nothing.filtered").hidden = shown.length > 0;
  select(wanted.has(current) ? current : shown[0] || null);
}
function step(by) {
  if (!shown.length) return;
  const at = Math.min(Math.max(shown.indexOf(current) + by, 0), shown.length - 1);
  select(shown[at]);
  current.scrollIntoView({ block: "nearest" });
}
if (form) {
  form.addEventListener("change", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelector(".list").addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) select(item);
  });
  document.addEventListener("click", (event) => {
    const move = event.target.closest("[data-step]");
    if (move) step(Number(move.dataset.step));
    const jump = event.target.closest("button.jump");
    if (!jump) return;
    const wanted = new URLSearchParams(jump.dataset.filter);
    for (const field of form.elements) if (field.name) field.value = wanted.get(field.name) || "";
    apply();
    document.querySelector(".bar").scrollIntoView({ block: "start" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else return;
    event.preventDefault();
  });
  apply();
}
document.documentElement.dataset.ready = "yes";
