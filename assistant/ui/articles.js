// Runs once, as the list's js_on_load; `element`, `trigger` and `server` come from Gradio.
// It asks for what the form wants, shows it, and asks again when articles were added or removed.

const form = element.querySelector("form");
const results = element.querySelector(".results");
let asked = 0;
let page = 0;
let pause;
const offered = new Map();

async function show(to = 0) {
  const mine = ++asked;
  page = to;
  results.setAttribute("aria-busy", "true");
  const wanted = { ...Object.fromEntries(new FormData(form)), page };
  let answer;
  try {
    answer = await server.list_articles(wanted);
  } catch (error) {
    answer = { html: '<div class="empty" role="alert"><p class="what">The list could not be fetched.</p><p>Please try again in a moment.</p></div>' };
  }
  if (mine !== asked) return;
  results.innerHTML = answer.html;
  results.removeAttribute("aria-busy");
  options(form.outlet, answer.outlets);
  options(form.topic, answer.topics);
}

// The first option, "all", stays, and so does what is chosen.
function options(select, html) {
  if (html === undefined || offered.get(select) === html) return;
  const chosen = select.value;
  while (select.options.length > 1) select.remove(1);
  select.insertAdjacentHTML("beforeend", html);
  offered.set(select, html);
  select.value = chosen;
  if (select.value !== chosen) select.value = "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
form.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(show, 200);
});

function confirmation(button) {
  const place = button.parentElement;
  const yes = document.createElement("button");
  const no = document.createElement("button");
  for (const each of [yes, no]) each.type = "button";
  yes.className = "remove sure";
  yes.textContent = "Yes, remove it";
  no.textContent = "Keep";
  no.className = "keep";
  const undo = () => {
    place.replaceChildren(button);
    button.focus();
  };
  no.addEventListener("click", undo);
  place.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    undo();
  });
  yes.addEventListener("click", () => {
    yes.disabled = no.disabled = true;
    trigger("submit", { article: button.dataset.remove });
  });
  place.replaceChildren(yes, no);
  no.focus();
}

results.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.remove !== undefined) confirmation(button);
  else if (button.classList.contains("clear")) {
    form.reset();
    show().then(() => form.words.focus());
  } else if (button.dataset.topic !== undefined) {
    if (![...form.topic.options].some((option) => option.value === button.dataset.topic)) {
      form.topic.add(new Option(button.dataset.topic, button.dataset.topic));
    }
    form.topic.value = button.dataset.topic;
    show();
  } else if (button.dataset.page !== undefined) {
    show(Number(button.dataset.page)).then(() => {
      element.scrollIntoView({ block: "start" });
      results.querySelector(".open")?.focus({ preventScroll: true });
    });
  }
});

// What came of adding or removing stands in the report; the list is then another one.
const report = document.querySelector("#adding-report");
new MutationObserver(() => {
  if (report.querySelector("[data-done]")) show(page);
}).observe(report, { childList: true, subtree: true });

// Nothing is asked for before somebody looks.
new IntersectionObserver((seen) => {
  if (seen.some((each) => each.isIntersecting) && !asked) show();
}).observe(element);
