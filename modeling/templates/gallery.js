"use strict";
const form = document.querySelector("form");
const grid = document.querySelector(".cards");
const cards = Array.from(grid.querySelectorAll(".card"));
const pictures = JSON.parse(document.getElementById("pictures").textContent);
const dialog = document.querySelector("dialog");

function fill(card) {
  for (const image of card.querySelectorAll(".xray")) {
    if (!image.src) image.src = pictures[Number(image.dataset.image)];
  }
  for (const layer of card.querySelectorAll("img[data-src]")) {
    if (!layer.src) layer.src = layer.dataset.src;
  }
}
// Pictures are decoded when their card comes near the window.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    fill(entry.target);
    watcher.unobserve(entry.target);
  }
}, { rootMargin: "600px" });
cards.forEach((card) => watcher.observe(card));

// Cards without the figure come last, whichever way the others go.
const orders = {
  best: ["overlap", -1], worst: ["overlap", 1], sure: ["score", -1], unsure: ["score", 1],
};
function compare(key, sign) {
  const value = (card) => (card.dataset[key] === "" ? null : Number(card.dataset[key]));
  return (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (x - y);
  };
}
function apply() {
  const finding = form.finding.value, kind = form.kind.value;
  let shown = 0;
  for (const card of cards) {
    const known = card.dataset.overlap !== "";
    card.hidden = (finding !== "" && card.dataset.finding !== finding)
      || (kind === "true" && !known) || (kind === "none" && known);
    shown += !card.hidden;
  }
  const sorted = cards.slice().sort(compare(...orders[form.order.value]));
  grid.append(...sorted);
  const count = document.getElementById("count");
  const more = Number(count.dataset.total) > cards.length ? `, chosen from ${count.dataset.total}` : "";
  count.textContent = `${shown} of ${cards.length} shown${more}`;
  document.querySelector(".nothing").hidden = shown > 0;
}
function show() {
  for (const name of ["heat", "blocked", "predicted", "true"]) {
    const box = form.elements["show-" + name];
    document.body.classList.toggle("no-" + name, Boolean(box) && !box.checked);
  }
}
form.addEventListener("change", () => { show(); apply(); });
form.addEventListener("submit", (event) => event.preventDefault());
grid.addEventListener("click", (event) => {
  const frame = event.target.closest(".frame");
  if (!frame) return;
  const large = frame.cloneNode(true);
  large.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(large);
  dialog.showModal();
});
show();
apply();
document.documentElement.dataset.ready = "yes";
