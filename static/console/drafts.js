// What was typed in a form is there again after a sign-in that came in between. It is kept in this
// tab alone, until the next page of the console, and holds no password, no file, no address (that of
// a webhook may be a secret) and no configuration of an app (which may have a key in it).
(() => {
  const KEY = "draft";
  const here = location.pathname + location.search;
  const list = (form) =>
    [...form.elements].filter(
      ({ name, type }) => name && name !== "configuration" && (name === "as_stored" || !["hidden", "password", "file", "url", "submit"].includes(type)),
    );
  const isChoice = ({ type }) => type === "checkbox" || type === "radio";
  const read = (field) => {
    if (isChoice(field)) return field.checked;
    return field.multiple ? [...field.selectedOptions].map(({ value }) => value) : field.value;
  };
  const write = (field, value) => {
    if (isChoice(field)) field.checked = value;
    else if (field.multiple) for (const each of field.options) each.selected = value.includes(each.value);
    else field.value = value;
  };

  const form = document.querySelector("form[data-draft]");
  const draft = JSON.parse(sessionStorage.getItem(KEY));
  sessionStorage.removeItem(KEY);
  const cameBySignIn = document.referrer.startsWith(`${location.origin}/accounts/`);
  if (form && draft && cameBySignIn && draft.here === here && draft.person === form.dataset.draft) {
    const fields = list(form);
    if (fields.length === draft.values.length) fields.forEach((field, index) => write(field, draft.values[index]));
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }
  form?.addEventListener("submit", () => {
    const kept = { here, person: form.dataset.draft, values: list(form).map(read) };
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  });
})();
