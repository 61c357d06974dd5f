// The console's one script: asks the browser's authenticator, and hands on what it answers.
// It decides nothing. Whatever the server says is shown as text, never as markup.
"use strict";

const language = document.documentElement.lang;
const texts = document.body.dataset;

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

function token() {
  const found = document.cookie.match(/(?:^|; )(?:__Host-)?sekisho-token=([^;]+)/);
  return found ? found[1].replace(/^"|"$/g, "") : "";
}

class Said extends Error {
  constructor(answer) {
    super(answer.reason);
    this.answer = answer;
  }
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: typeof body === "string" ? body : JSON.stringify(body || {}),
  });
  const answer = await response.json();
  if (!response.ok) throw new Said(answer);
  return answer;
}

function answered(credential, response) {
  return {
    credential: { id: credential.id, rawId: base64url(credential.rawId), type: credential.type, response },
  };
}

async function assertion(options) {
  const credential = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: known(options.allowCredentials),
    },
  });
  return answered(credential, {
    clientDataJSON: base64url(credential.response.clientDataJSON),
    authenticatorData: base64url(credential.response.authenticatorData),
    signature: base64url(credential.response.signature),
  });
}

async function registration(options) {
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  });
  return answered(credential, {
    clientDataJSON: base64url(credential.response.clientDataJSON),
    attestationObject: base64url(credential.response.attestationObject),
    transports: credential.response.getTransports ? credential.response.getTransports() : [],
  });
}

const acts = {
  async login(form, say) {
    const asked = await post("/api/login/begin", { person_id: form.person_id.value.trim() });
    say(texts.touch);
    await post("/api/login/finish", await assertion(asked.publicKey));
    location.assign("/");
  },
  async logout() {
    await post("/api/logout");
    location.assign("/login");
  },
  async state(form, say, decision) {
    const asked = await post(`/api/passes/${form.dataset.pass}/statement`, {
      decision,
      terminal_id: form.terminal_id.value,
      words: decision === "approve" ? form.words.value : "",
      reason: decision === "approve" ? "" : form.reason.value,
    });
    say(texts.touch);
    await post("/api/statement", await assertion(asked.publicKey));
    say(texts.done);
    location.reload();
  },
  async upload(form, say) {
    await post("/api/statements", await form.file.files[0].text());
    say(texts.done);
    location.reload();
  },
  async enrol(form, say) {
    const asked = await post("/api/enrolment/begin", { ticket: form.ticket.value.trim() });
    say(`${asked.name} · ${asked.device} · ${asked.credential_id} — ${texts.touch}`);
    const done = await post("/api/enrolment/finish", await registration(asked.publicKey));
    say("", done.findings);
    form.hidden = true;
    document.querySelector(".after").hidden = false;
  },
};

// What stands between backticks is shown as code; both are text.
function coded(line) {
  const parts = line.split("`");
  if (parts.length % 2 === 0) return [line];
  return parts.map((part, index) => {
    if (index % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

function paragraphs(says, toDo) {
  return [["says", says], ["do", toDo && `→ ${toDo}`]].filter(([, line]) => line).map(([kind, line]) => {
    const paragraph = document.createElement("p");
    paragraph.className = kind;
    paragraph.append(...coded(line));
    return paragraph;
  });
}

function sayer(section) {
  const place = section && section.querySelector(".said");
  return (text, findings = [], wrong = false) => {
    if (!place) return;
    place.replaceChildren();
    place.classList.toggle("wrong", wrong);
    for (const each of findings) place.append(...paragraphs(each.says[language], each.do[language]));
    if (!findings.length) place.append(...paragraphs(text));
  };
}

async function run(name, form, decision) {
  const say = sayer(form.closest("section"));
  const buttons = form.tagName === "FORM" ? [...form.querySelectorAll("button")] : [form];
  buttons.forEach((each) => { each.disabled = true; });
  try {
    if (!window.PublicKeyCredential && name !== "logout" && name !== "upload") {
      say(texts.none, [], true);
      return;
    }
    await acts[name](form, say, decision);
  } catch (error) {
    if (error instanceof Said) say(`${error.answer.where}: ${error.answer.reason}`, error.answer.findings, true);
    else if (error instanceof DOMException) say(texts.stopped, [], true);
    else say(String(error), [], true);
  } finally {
    buttons.forEach((each) => { each.disabled = false; });
  }
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  run(event.target.dataset.do, event.target, event.submitter && event.submitter.value);
});
for (const button of document.querySelectorAll("button[data-do]")) {
  button.addEventListener("click", () => run(button.dataset.do, button));
}

// A ticket's code stands after the #, which no browser sends to any server.
const ticket = document.querySelector("#ticket");
if (ticket && location.hash.length > 1) {
  ticket.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}
