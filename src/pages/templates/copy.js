const text = document.getElementById("report");
const button = document.getElementById("copy");
const said = document.getElementById("copied");
button.hidden = false;
button.addEventListener("click", async () => {
  text.select();
  try { await navigator.clipboard.writeText(text.value); } catch { document.execCommand("copy"); }
  said.textContent = button.dataset.done;
});
