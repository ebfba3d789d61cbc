(function () {
  var go = document.getElementById("go"), key = "vestibule:" + go.dataset.key, fragment = "";
  try {
    fragment = sessionStorage.getItem(key) || "";
    sessionStorage.removeItem(key);
  } catch (_) {}
  location.replace(go.href.indexOf("#") < 0 && fragment.charAt(0) === "#" ? go.href + fragment : go.href);
})();
