(function () {
  var go = document.getElementById("go"), fragment = location.hash, prefix = "vestibule:", i, old;
  if (fragment.length > 1 && fragment.length <= 2000) {
    try {
      for (i = sessionStorage.length; i--;) {
        old = sessionStorage.key(i);
        if (old.indexOf(prefix) === 0) sessionStorage.removeItem(old);
      }
      sessionStorage.setItem(prefix + go.dataset.key, fragment);
      location.replace(go.dataset.kept);
      return;
    } catch (_) {}
  }
  if (go.tagName === "FORM") HTMLFormElement.prototype.submit.call(go);
  else location.replace(go.href);
})();
