// Inside with a cookie: the ticket in the page opens the socket, the cookie brings further ones.

import { ask, stay } from "/socket.js";

let ticket = document.body.dataset.ticket;
delete document.body.dataset.ticket;

const leave = stay(
  async () => {
    const first = ticket;
    ticket = undefined;
    return first || (await ask("/app/ticket")).ticket;
  },
  () => location.assign("/"),
);

document.getElementById("out").onclick = async () => {
  await ask("/logout");
  leave();
};

document.body.dataset.loaded = "";
