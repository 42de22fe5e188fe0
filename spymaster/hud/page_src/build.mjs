// Bundles the page: `node build.mjs OUT`. One script, one sheet, one HTML file, so that the service's
// allow-list of files stays a short list and the Content-Security-Policy needs no exception.
import {build} from 'esbuild';
import {copyFileSync, mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, '..', 'page');
mkdirSync(out, {recursive: true});
await build({
  entryPoints: [join(here, 'app.ts')],
  absWorkingDir: here,
  outfile: join(out, 'hud.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'inline',
  charset: 'utf8',
  logLevel: 'warning',
});
for (const name of ['index.html', 'hud.css']) copyFileSync(join(here, name), join(out, name));
