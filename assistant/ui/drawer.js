// Runs once, as the drawer's js_on_load; `element` and `trigger` come from Gradio.
// Opens and closes the list of conversations, and tells the server what to do with them.

const page = document.documentElement;
const toggle = () => document.querySelector("#bar .toggle");
// As in page.css: where there is no room beside the chat, the drawer lies over it.
const over = () => getComputedStyle(document.querySelector("#drawer")).position === "fixed";

function show(open) {
  if (open) page.dataset.drawer = "open";
  else delete page.dataset.drawer;
  toggle().setAttribute("aria-expanded", String(open));
  if (open) element.querySelector("h2").focus();
}

function close() {
  if (page.dataset.drawer !== "open") return;
  const inside = element.contains(document.activeElement);
  show(false);
  if (inside) toggle().focus();
}

function rename(item) {
  const form = item.querySelector("form.rename");
  const input = form.querySelector("input");
  form.hidden = !form.hidden;
  input.value = input.getAttribute("value");
  if (!form.hidden) input.select();
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#bar .toggle")) return show(page.dataset.drawer !== "open");
  const button = event.target.closest?.("#drawer button, #bar button[data-do]");
  if (!button) {
    // Beside a drawer that lies over the page, a click puts it away.
    if (page.dataset.drawer === "open" && over() && !event.target.closest?.("#drawer")) close();
    return;
  }
  const item = button.closest("li");
  const what = button.dataset.do;
  if (button.classList.contains("shut")) close();
  else if (what === "export") trigger("download", {});
  else if (what === "rename") rename(item);
  else if (what) {
    trigger("select", { do: what, id: item?.dataset.id });
    if (what === "new" || what === "open") {
      document.querySelector("#source .close")?.click();
      if (over()) close();
    }
    if (what === "new") document.querySelector("#question textarea").focus();
    // What was deleted is gone from the list, and with it the focus.
    if (what === "delete") element.querySelector("h2").focus();
  }
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const item = event.target.closest("li");
  trigger("edit", { id: item.dataset.id, name: event.target.querySelector("input").value });
  event.target.hidden = true;
  item.querySelector(".name").focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const form = event.target.closest?.("#drawer form.rename");
  if (form) {
    form.hidden = true;
    form.closest("li").querySelector("[data-do=rename]").focus();
  } else if (page.dataset.drawer === "open" && (over() || element.contains(event.target))) close();
});

// A browser may be told to keep nothing; better to say so than to lose a conversation.
try {
  localStorage.setItem("story-assistant.probe", "1");
  localStorage.removeItem("story-assistant.probe");
} catch (error) {
  page.dataset.forgets = "yes";
}
