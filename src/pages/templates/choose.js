(function () {
  var box = document.getElementById("q"), found = document.getElementById("found"), fragment = location.hash;
  var all = document.querySelectorAll("#choices li");
  if (fragment.length > 1 && fragment.length <= 2000) {
    document.querySelectorAll("main a").forEach(function (link) { link.href = link.href.split("#")[0] + fragment; });
    document.querySelectorAll("main form").forEach(function (form) { form.action = form.action.split("#")[0] + fragment; });
  }
  if (!box || !found || box.value) return;
  box.addEventListener("input", function () {
    var wanted = box.value.trim().toLowerCase(), shown = 0;
    all.forEach(function (item) {
      item.hidden = item.textContent.toLowerCase().indexOf(wanted) < 0;
      if (!item.hidden) shown++;
    });
    found.textContent = shown ? found.dataset.found.replace("{n}", shown).replace("{all}", all.length) : found.dataset.none;
  });
})();
