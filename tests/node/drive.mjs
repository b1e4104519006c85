// Lets a test call an object method by method. Each line that comes in is one request, and is answered by one line:
//   {"open": settings}               makes the object anew
//   {"method": name, "args": [...]}  calls it

import { createInterface } from 'node:readline';

export async function drive(open, show = (value) => value) {
  let target;

  async function answer({ open: settings, method, args }) {
    try {
      if (settings) {
        target = await open(settings, target);
        return {};
      }
      return { value: show(await target[method](...args)) };
    } catch (error) {
      return { error: describe(error) };
    }
  }

  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
  }
}

function describe(error) {
  const { status, headers, data } = error.response ?? {};
  return { name: error.name, message: error.message, code: error.code, status, headers, body: data };
}
