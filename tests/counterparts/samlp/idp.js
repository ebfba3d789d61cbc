// A small identity provider on samlp (npm), for the tests: one user, one service provider.
//
//     node idp.js SETTINGS.json NODE_MODULES      (started by tests/counterparts/idps/samlp.rs)
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const { createRequire } = require('module');
const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const load = createRequire(`${process.argv[3]}/`);
const express = load('express');
const samlp = load('samlp');

const file = (name) => fs.readFileSync(`${settings.folder}/${name}`);
const keys = { issuer: `${settings.base}/metadata`, cert: file(`${settings.key}.crt`), key: file(`${settings.key}.key`) };
const gate = settings.gate;
const gateCertificate = gate && fs.readFileSync(gate.certificate, 'utf8');
const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';

// Browsers that have signed in: the value of their cookie to the index of their session.
const sessions = new Map();
const session = (req) => sessions.get(/idp-session=([0-9a-f]+)/.exec(req.headers.cookie || '')?.[1]);
const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

class Profile {
  constructor(user) { this.user = user; }
  getClaims() { return this.user.claims; }
  getNameIdentifier() { return { nameIdentifier: this.user.name_id, nameIdentifierFormat: EMAIL }; }
}
const profile = (user) => new Profile(user);
profile.prototype = { metadata: [] };

const signOn = (req, res, next) => samlp.auth({
  ...keys,
  profileMapper: profile,
  getUserFromRequest: () => settings.user,
  getPostURL: (audience, request, _req, done) => done(null, audience === gate.entity_id ? gate.acs : null),
  signingCert: gateCertificate,
  destination: gate.acs,
  recipient: gate.acs,
  sessionIndex: session(req).index,
  signResponse: true,
  authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
  ...(gate.encrypt && {
    encryptionCert: gateCertificate,
    encryptionPublicKey: crypto.createPublicKey(gateCertificate).export({ type: 'spki', format: 'pem' }),
  }),
})(req, res, next);

const logoutState = new Map();
const store = {
  save: (req, state, done) => {
    const handle = crypto.randomBytes(16).toString('hex');
    logoutState.set(handle, state);
    done(null, handle);
  },
  load: (req, handle, options, done) => (done || options)(null, logoutState.get(handle)),
  update: (req, handle, state, done) => { logoutState.set(handle, state); done(null); },
};

const logout = (req, res, next) => {
  const live = [...sessions.values()].filter((one) => one.participants.length > 0);
  const mine = session(req) || live[0] || { participants: [] };
  return samlp.logout({
    ...keys,
    deflate: true,
    protocolBinding: REDIRECT,
    store,
    sessionParticipants: new SessionParticipants(mine.participants),
    clearIdPSession: (done) => { for (const [cookie, one] of sessions) if (one === mine) sessions.delete(cookie); done(); },
  })(req, res, next);
};
const SessionParticipants = load('samlp/lib/sessionParticipants');

const app = express();
app.use(express.urlencoded({ extended: false }));
app.get('/metadata', samlp.metadata({
  ...keys,
  profileMapper: profile,
  redirectEndpointPath: '/sso',
  postEndpointPath: '/sso',
  logoutEndpointPaths: { redirect: '/slo', post: '/slo' },
}));
app.all('/sso', (req, res, next) => {
  if (session(req)) return signOn(req, res, next);
  // A wrong signature is told before anybody types a password.
  samlp.parseRequest(req, { signingCert: gateCertificate, relayState: req.query.RelayState }, (problem) => {
    if (problem) return next(problem);
    const fields = { ...req.query, ...req.body };
    const hidden = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`);
    const action = req.method === 'POST' ? '/login' : `/login${req.originalUrl.slice(req.path.length)}`;
    res.send(`<form method="post" action="${escape(action)}">${req.method === 'POST' ? hidden.join('') : ''}` +
      '<input name="user"><input name="password" type="password"><button>Sign in</button></form>');
  });
});
app.post('/login', (req, res, next) => {
  if (req.body.user !== settings.login || req.body.password !== settings.password) return res.status(403).send('wrong');
  const cookie = crypto.randomBytes(16).toString('hex');
  const index = `_${crypto.randomBytes(16).toString('hex')}`;
  const participant = {
    serviceProviderId: gate.entity_id, nameId: settings.user.name_id, nameIdFormat: EMAIL, sessionIndex: index,
    serviceProviderLogoutURL: gate.slo, cert: gateCertificate, binding: REDIRECT,
  };
  sessions.set(cookie, { index, participants: [participant] });
  res.setHeader('Set-Cookie', `idp-session=${cookie}; Path=/; HttpOnly`);
  req.headers.cookie = `idp-session=${cookie}`;
  // The redirect's request stands in the query still; the method decides where samlp looks.
  if (req.query.SAMLRequest) { req.method = 'GET'; req.body = {}; }
  signOn(req, res, next);
});
app.all('/slo', logout);
app.get('/sign-out', logout);
app.use((problem, req, res, next) => {
  console.error('refused:', problem);
  res.status(400).send(`refused: ${escape(String(problem.message || problem))}`);
});
app.listen(settings.port, '127.0.0.1');
