// What all pages are framed by: one document that needs nothing but itself. Its own style is all that a browser may apply, and no
// script runs.
import { createHash } from 'node:crypto'
import { type Content, html, Markup } from './page-markup.ts'
import { told } from './page-numbers.ts'
import { pageStyle } from './page-style.ts'
import { patternDefinitions } from './page-verdicts.ts'

export interface FramedPage {
  readonly title: string
  /** Of sealwire. */
  readonly version: string
  /** RFC 3339. */
  readonly made: string
  /** Beside that of all pages. */
  readonly style?: string
  /** Where the first link leads, for who reads by keyboard or ear: “To the findings”. */
  readonly skipTo: string
  /** Below the title. */
  readonly header: Content
  readonly main: Content
}

export function framedPage({ title, version, made, style: own = '', skipTo, header, main }: FramedPage): string {
  const style = pageStyle() + own
  const digest = createHash('sha256').update(style).digest('base64')
  const allowed = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  return html`<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="${allowed}"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="referrer" content="no-referrer"/>
<meta name="generator" content="sealwire ${version}"/>
<title>${title}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#main">${skipTo}</a>
${patternDefinitions()}
<header>
<h1>${title}</h1>
${header}
</header>
<main id="main">
${main}
</main>
<footer><p>Made by sealwire ${version} on ${told(made)}. This page holds everything it shows and asks nothing of any network.</p></footer>
</body>
</html>
`.text
}
