// The page of the two domain controllers: its pictures and numbers are of a run, its words those of the chapters.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pictureOf, storyPage } from '../docs/story-page.ts'
import { chapters } from '../lab/ad/story.ts'
import type { StoryVerdict } from '../lab/ad/verdict.ts'

const docs = join(import.meta.dirname, '..', 'docs')

const none = {
  protected: 0,
  keying: 0,
  exempt: 0,
  permitted: 0,
  leaked: 0,
  blocked: 0,
  'not-ip': 0,
  malformed: 0,
  'no-policy': 0,
}
const noClass = {
  ike: 0,
  kerberos: 0,
  rsvp: 0,
  multicast: 0,
  broadcast: 0,
  esp: 0,
  ah: 0,
  unicast: 0,
  'not-ip': 0,
  malformed: 0,
}
const made: StoryVerdict['chapters'][number] = {
  ...{ letter: 'b', title: 'Kerberos <in clear>', kb: 'KB 254728', story: ['One paragraph.'], ok: false, seconds: 3 },
  checks: [
    { what: 'all | answered', ok: true, seen: '60 of 60' },
    { what: 'nothing leaks', ok: false, seen: '1' },
  ],
  captures: [
    {
      ...{ name: 'exempt', file: 'b.pcapng', packets: 1004, findings: [] },
      verdicts: { ...none, protected: 1000, exempt: 3, leaked: 1 },
      classes: { ...noClass, esp: 1000, kerberos: 4 },
      tshark: {
        ...{ packets: 1004, classes: { ...noClass, esp: 1000, kerberos: 4 }, kerberos: 2 },
        ...{ messages: {}, clearPieces: 0, largestFrame: 1514 },
      },
    },
  ],
  exercises: [],
  memory: [],
}

test('a picture has each verdict’s number and a part of the bar, one packet among a thousand as well', () => {
  const picture = pictureOf(made)
  assert.match(picture, /^<svg [\s\S]*<\/svg>\n$/)
  assert.match(picture, /protected 1,000 · exempt 3 · leaked 1/)
  assert.match(picture, /Kerberos &lt;in clear&gt;/)
  const widths = [...picture.matchAll(/class="v-(\w+) edge" [^>]*width="([\d.]+)%"/g)].map(([, name, width]) => [
    name,
    Number(width),
  ])
  assert.deepEqual(
    widths.map(([name]) => name),
    ['protected', 'exempt', 'leaked'],
  )
  assert.ok(
    widths.every(([, width]) => Number(width) > 0.5),
    JSON.stringify(widths),
  )
})

test('the page tells every check, those that failed too, and what it says of itself is counted', () => {
  const page = storyPage({
    ...{ version: 1, sealwire: '0.1.0', made: '2026-11-23T20:00:00Z', ok: false, seconds: 60, length: 'whole' },
    ...{
      domain: 'corp.test',
      net: { mtu: 1500, isIpv6Only: false } as unknown as StoryVerdict['net'],
      hosts: [],
      chapters: [made],
    },
  })
  assert.match(page, /1 of 2 checks as due/)
  assert.match(page, /\| ✓ \| all \\\| answered \| 60 of 60 \|/)
  assert.match(page, /\| ✗ \| nothing leaks \| 1 \|/)
  assert.match(page, /\| 1 of 2 \| 1,004 \| 1,000 \| 1 \| 4 \| 4 \|/)
})

test('docs/domain-controllers.md tells all chapters in their own words, with a picture each', () => {
  const page = readFileSync(join(docs, 'domain-controllers.md'), 'utf8')
  for (const { letter, title, story } of chapters) {
    assert.ok(page.includes(`## ${letter}. ${title}`), `${letter}: run the lab, then node docs/story-page.ts FOLDER`)
    for (const paragraph of story) assert.ok(page.includes(paragraph), `${letter}: ${paragraph}`)
    assert.ok(
      page.includes(`(images/story-${letter}.svg)`) && existsSync(join(docs, 'images', `story-${letter}.svg`)),
      letter,
    )
  }
})
