// Nango's own Node SDK.

import { Nango } from '@nangohq/node';
import { drive } from './drive.mjs';

const answers = (value) => value?.config && value.request;

await drive(
  (settings) => new Nango(settings),
  (value) => (answers(value) ? { status: value.status, headers: value.headers, data: value.data } : value),
);
