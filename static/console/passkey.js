// What a person reads when the browser cannot use a passkey, or they put it off.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("passkey-failed").hidden = false;
});
