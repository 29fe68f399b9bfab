(function () {
  try {
    var theme = localStorage.getItem("offbeat-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (ignored) { /* a file opened from disk may have no storage */ }
})();
