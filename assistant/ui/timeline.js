// Runs once, as the timeline's js_on_load; `element` and `server` come from Gradio.
// It fetches the timeline when somebody looks, shows one year or all, and lets arrow keys go from dot to dot.

let wanted = { year: null, page: 0 };
let asked = 0;
let shown = "";

async function show() {
  const mine = ++asked;
  let answer;
  try {
    answer = await server.show_timeline(wanted);
  } catch (error) {
    answer = { figures: '<div class="empty" role="alert"><p class="what">The timeline could not be fetched.</p><p>Please try again in a moment.</p></div>', list: "" };
  }
  if (mine !== asked) return;
  if (!element.querySelector(".figures")) element.innerHTML = '<div class="figures"></div><div class="events"></div>';
  if (answer.figures !== shown) element.querySelector(".figures").innerHTML = shown = answer.figures;
  element.querySelector(".events").innerHTML = answer.list;
  const first = element.querySelector(".dot");
  if (first && !element.querySelector('.dot[tabindex="0"]')) first.tabIndex = 0;
  for (const year of element.querySelectorAll(".year")) {
    year.setAttribute("aria-pressed", String(Number(year.dataset.year) === wanted.year));
  }
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.year !== undefined) {
    const year = Number(button.dataset.year);
    wanted = { year: wanted.year === year ? null : year, page: 0 };
    show();
  } else if (button?.dataset.page !== undefined) {
    wanted = { ...wanted, page: Number(button.dataset.page) };
    show().then(() => element.querySelector(".events").scrollIntoView({ block: "start" }));
  }
});
element.addEventListener("change", (event) => {
  if (event.target.name !== "year") return;
  wanted = { year: event.target.value ? Number(event.target.value) : null, page: 0 };
  show().then(() => element.querySelector('[name="year"]').focus());
});

// What a dot stands for, below the plot.
function preview(dot) {
  const place = element.querySelector(".preview");
  const when = document.createElement("b");
  when.textContent = dot.dataset.when;
  place.replaceChildren(when, " " + dot.dataset.quote);
}
element.addEventListener("pointerover", (event) => {
  const dot = event.target.closest(".dot");
  if (dot) preview(dot);
});
element.addEventListener("focusin", (event) => {
  const dot = event.target.closest(".dot");
  if (dot) preview(dot);
});
element.addEventListener("keydown", (event) => {
  const dot = event.target.closest(".dot");
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!dot || !(step || event.key === "Home" || event.key === "End")) return;
  event.preventDefault();
  const dots = [...element.querySelectorAll(".dot")];
  const to = event.key === "Home" ? 0 : event.key === "End" ? dots.length - 1 : dots.indexOf(dot) + step;
  const next = dots[Math.min(Math.max(to, 0), dots.length - 1)];
  dot.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

// Made anew whenever somebody comes to look: articles may have been added.
new IntersectionObserver((seen) => {
  if (seen.some((each) => each.isIntersecting)) show();
}).observe(element.parentElement ?? element);
