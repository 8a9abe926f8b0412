// An existing application: users in a table of its own, sessions by express-session.

import express from "express";
import session from "express-session";

const users = ["alice", "bob"].map((name, at) => ({ id: at + 1, name, active: true }));
const findUser = async (id) => users.find((user) => user.id === id);

const app = express();
app.use(session({ secret: "of this application alone", resave: false, saveUninitialized: false }));
app.post("/login/:name", (request, response) => {
  request.session.user = users.find(({ name }) => name === request.params.name);
  response.sendStatus(204);
});
app.post("/disable/:name", (request, response) => {
  users.find(({ name }) => name === request.params.name).active = false;
  response.sendStatus(204);
});
const server = app.listen(0, "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
