// The integrator's page in node: its script as the guide has it, a Stripe.js that knows only what the script calls,
// and 3D Secure passed at fake Stripe. Arguments: script, web, fake Stripe, token, user, card, key.
const [script, web, stripe, token, user, card, key] = process.argv.slice(2);

const browsersFetch = globalThis.fetch;
globalThis.fetch = (path, options) => browsersFetch(new URL(path, web), options);

globalThis.Stripe = () => ({
  elements: () => ({ create: () => ({ mount() {} }), submit: async () => ({}) }),
  createPaymentMethod: async () => ({ paymentMethod: { id: card } }),
  handleNextAction: async ({ clientSecret }) => {
    const payment_intent = clientSecret.split("_secret_")[0];
    const body = JSON.stringify({ payment_intent });
    const answer = await browsersFetch(`${stripe}/_fake/authenticate`, { method: "POST", body });
    return answer.ok ? {} : { error: { message: await answer.text() } };
  },
});

const subscribe = new Function(`${script}; return subscribe;`)();
console.log(await subscribe(token, Number(user), key));
