// Search in the page, and opening of what a link points at. Without this script everything can be read all the same.
const operations = [...document.querySelectorAll("details[data-searched]")];
const sections = [...document.querySelectorAll("section")];
const texts = new Map(operations.map((each) => [each, each.textContent.toLowerCase()]));
const field = document.getElementById("find");
const count = document.getElementById("found");

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let matches = 0;
  for (const each of operations) {
    const text = texts.get(each);
    each.hidden = !words.every((word) => text.includes(word));
    matches += each.hidden ? 0 : 1;
  }
  for (const each of sections) each.hidden = !each.querySelector("details:not([hidden])");
  count.textContent = words.length === 0 ? "" : matches === 1 ? "1 match" : `${matches} matches`;
}

function open() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const around = target.closest("details");
  if (around) {
    around.open = true;
    if (around.hidden) {
      field.value = "";
      search();
    }
  }
  target.scrollIntoView();
}

document.getElementById("search").hidden = false;
field.addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== field) {
    event.preventDefault();
    field.focus();
  } else if (event.key === "Escape" && document.activeElement === field) {
    field.value = "";
    search();
  }
});
addEventListener("hashchange", open);
open();
