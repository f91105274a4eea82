// Who comes to sign in begins to type; on a phone the keyboard would cover what else there is.
if (matchMedia("(pointer: fine)").matches) {
  const fields = document.querySelectorAll("main form input:is([type=email], [type=text], [type=password])");
  [...fields].find((field) => !field.value)?.focus({ preventScroll: true });
}
