// Runs once, as the suggested questions' js_on_load; `element` and `trigger` come from Gradio.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-question]");
  if (button) trigger("submit", { question: button.dataset.question });
});
