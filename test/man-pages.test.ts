// The manual pages: one for every command, with all of its options, and nothing in them that a formatter stumbles over. That
// they are as the table has them, docs.test.ts asks.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { manPages } from '../docs/man-pages.ts'
import { commands } from '../src/cli/commands.ts'

const folder = join(import.meta.dirname, '../docs/man')
const files = readdirSync(folder).toSorted()

function missing(program: string): string | false {
  return spawnSync(program, ['--version']).error === undefined ? false : `skipped, because ${program} is not installed`
}

test('every command has a manual page, and no page is left of a command that is gone', () => {
  assert.deepEqual(
    files,
    Object.keys(manPages())
      .map(name => name.slice('man/'.length))
      .toSorted(),
  )
})

test('a page has every option and every argument of its command, in ASCII', () => {
  for (const { name, options, arguments: own = [] } of commands) {
    const page = readFileSync(join(folder, `sealwire-${name.replaceAll(' ', '-')}.1`), 'utf8')
    assert.match(page, /^[\n -~]*$/, name)
    for (const { flags } of options) {
      const flag = flags.split(/[ ,]/)[0]!.replaceAll('-', '\\-')
      assert.ok(page.includes(`\n\\fB${flag}\\fR`), `${name}: ${flags}`)
    }
    for (const { name: argument } of own) {
      assert.ok(page.includes(`\\fI${argument.replace(/[^a-z-]/g, '')}\\fR`), `${name}: ${argument}`)
    }
  }
})

test('groff formats every page without a warning', { skip: missing('groff') }, () => {
  for (const file of files) {
    const { status, stderr } = spawnSync('groff', ['-ww', '-z', '-man', '-Tutf8', join(folder, file)], {
      encoding: 'utf8',
    })
    assert.deepEqual([status, stderr], [0, ''], file)
  }
})

test('mandoc finds no fault with any page', { skip: missing('mandoc') }, () => {
  const { stdout } = spawnSync('mandoc', ['-Tlint', '-Wwarning', ...files.map(file => join(folder, file))], {
    encoding: 'utf8',
  })
  assert.equal(stdout, '')
})

test('what a shell would take apart stands in a page as it has to be typed', { skip: missing('groff') }, () => {
  const { stdout } = spawnSync('groff', ['-man', '-Tutf8', '-P-cbou', join(folder, 'sealwire-audit.1')], {
    encoding: 'utf8',
  })
  assert.ok(stdout.includes(`sealwire audit --packets capture.pcapng | jq -c 'select(.verdict == "leaked")'`))
})
