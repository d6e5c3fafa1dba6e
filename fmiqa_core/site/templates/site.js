// Theme toggle and copy buttons.
const root = document.documentElement;
const toggle = document.getElementById("theme");
const said = document.getElementById("said");
const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const label = () => toggle.setAttribute("aria-pressed", dark());

toggle.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  try { localStorage.setItem("fmiqa-theme", root.dataset.theme); } catch { /* kept for this page only */ }
  label();
});
label();

async function copy(text) {
  try { return await navigator.clipboard.writeText(text); } catch { /* older browsers, or no permission */ }
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  const name = button.textContent;
  button.addEventListener("click", async () => {
    await copy(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    said.textContent = "Copied to the clipboard.";
    button.focus();
    setTimeout(() => { button.textContent = name; said.textContent = ""; }, 1500);
  });
}
