// The browser of the tests: Chromium without what it does on its own in the background. Several run side by side, perhaps in a container whose shared memory has 64 MB: a page that
// finds no room there dies, so that ordinary files are used instead.
import { chromium } from 'playwright-core';

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

/** A browser; `more`: further switches of Chromium. With `ASSETS` a page may ask this machine for the files that are being worked on. */
export const launch = (...more) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [...QUIET, ...more, ...(process.env.ASSETS ? ['--disable-features=LocalNetworkAccessChecks'] : [])],
});
