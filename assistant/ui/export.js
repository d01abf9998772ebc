// Runs once, as the exporter's js_on_load; `props` and `watch` come from Gradio. The file is made in the browser.
watch("value", () => {
  const { name, text } = JSON.parse(props.value);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});
