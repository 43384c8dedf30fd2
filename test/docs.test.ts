// The pages say what the code does: generated ones are as the tables have them, links lead somewhere, and the README's
// commands are commands.
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pages } from '../docs/generate.ts'
import { commands } from '../src/cli/commands.ts'

const root = join(import.meta.dirname, '..')

for (const [name, make] of Object.entries(pages)) {
  test(`docs/${name} is as the tables of the code have it`, () => {
    assert.equal(readFileSync(join(root, 'docs', name), 'utf8'), make(), 'run npm run docs')
  })
}

test('every link of every page leads to a file that is there', () => {
  for (const page of globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root })) {
    const text = readFileSync(join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '')
    for (const [, target] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (/^https?:/.test(target!)) continue
      assert.ok(existsSync(join(root, dirname(page), target!)), `${page} links to ${target}, which is not there`)
    }
  }
})

test('every command line in the pages names a command of the table and options that it has', () => {
  for (const page of globSync(['README.md', 'docs/*.md'], { cwd: root })) {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/\\\n\s*/g, ' ')
    for (const [, line] of text.matchAll(/^(?:\$ )?(?:\.\/)?sealwire ([a-z][^\n|]*)$/gm)) {
      const command = commands
        .toSorted((a, b) => b.name.length - a.name.length)
        .find(({ name }) => `${line} `.startsWith(`${name} `))
      assert.ok(command !== undefined, `${page}: sealwire ${line} is no command`)
      for (const [flag] of line!.matchAll(/(?<= )--[a-z0-9-]+/g)) {
        const known = command.options.some(({ flags }) => flags.split(/[ ,]+/).includes(flag))
        assert.ok(known, `${page}: sealwire ${command.name} has no ${flag}`)
      }
    }
  }
})
