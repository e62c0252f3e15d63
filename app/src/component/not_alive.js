(function (page, root) {
  var broken = false;
  function runs() {
    return (
      "noModule" in page.createElement("script") &&
      typeof WebAssembly === "object" &&
      typeof HTMLDialogElement === "function" &&
      "showModal" in HTMLDialogElement.prototype
    );
  }
  function say(id) {
    var words = page.getElementById(id);
    if (words && page.querySelector("leptos-island button, leptos-island input, leptos-island select, leptos-island textarea")) {
      words.removeAttribute("hidden");
    }
  }
  function look() {
    if (!runs()) say("cannot-run");
    else if (broken && !root.hasAttribute("data-hydrated")) say("not-started");
  }
  function fail() {
    broken = true;
    look();
  }
  window.addEventListener("unhandledrejection", fail);
  page.addEventListener("DOMContentLoaded", function () {
    look();
    setTimeout(fail, 20000);
  });
})(document, document.documentElement);
