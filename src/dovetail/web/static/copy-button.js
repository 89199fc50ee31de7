// <copy-button text="...">: puts a text on the clipboard. Without script there is no button, and the
// text beside it can be selected.

class CopyButton extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    const text = this.getAttribute("text") ?? "";
    button.setAttribute("aria-label", `Copy ${text}`);
    button.addEventListener("click", async () => {
      const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
      button.textContent = done ? "Copied" : "Not allowed";
      this.dispatchEvent(new CustomEvent("copied", { bubbles: true, detail: { text, done } }));
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    this.append(button);
  }
}

customElements.define("copy-button", CopyButton);
