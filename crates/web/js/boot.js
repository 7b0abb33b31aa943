// Starts the app. A file of its own, because the page allows no inline scripts.

// The browser's offer to install the app may come before there is an app to take it (`src/shell/install.rs`).
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  globalThis.installOffer = event;
});

const manifest = JSON.parse(document.getElementById("manifest").textContent);

try {
  const { default: init } = await import(manifest["web.js"]);
  await init({ module_or_path: manifest["web_bg.wasm"] });
} catch (error) {
  console.error(error);
  const words = document.getElementById("first-words");
  if (words) {
    words.textContent =
      typeof WebAssembly === "object"
        ? "The app could not be loaded. Check the connection and reload the page."
        : "This browser is too old for Unisono: it needs WebAssembly.";
  }
}
