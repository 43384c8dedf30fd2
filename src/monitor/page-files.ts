// The built page on disk. Only these names are served, whatever a path says, and each is the same for everyone: what is
// particular to a host comes by requests that need the token.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface PageFile {
  readonly name: string
  readonly type: string
}

const files: Readonly<Record<string, PageFile>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.js': { name: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/page.css': { name: 'page.css', type: 'text/css; charset=utf-8' },
  '/favicon.svg': { name: 'favicon.svg', type: 'image/svg+xml' },
}

/** As .ci/build-page makes it. */
export const builtPage = join(import.meta.dirname, '..', '..', 'dist', 'page')

export function pageFileAt(path: string): PageFile | undefined {
  return Object.hasOwn(files, path) ? files[path] : undefined
}

/** Undefined where it was not built. */
export async function readPageFile(folder: string, { name }: PageFile): Promise<Uint8Array | undefined> {
  return await readFile(join(folder, name)).catch(() => undefined)
}
