// The short form of the lab's story: two Samba domain controllers, and what crosses the bridge between them without a policy,
// with the default exemptions, and with NoDefaultExempt 1. The whole of it is `npm run lab:ad`.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { missingPackages } from '../../lab/ad/packages.ts'
import type { StoryVerdict } from '../../lab/ad/verdict.ts'

const program = join(import.meta.dirname, '..', '..', 'sealwire')
/** What statfs(2) calls overlayfs. */
const OVERLAY = 0x794c7630
const told = ['a', 'b', 'c']

async function whyNot(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'skipped, because domain controllers of their own need root'
  if (!existsSync('/usr/bin/dpkg-query')) return 'skipped, because the lab is made of Debian’s packages'
  if (!existsSync('/dev/net/tun')) return 'skipped, because there is no /dev/net/tun'
  const missing = await missingPackages()
  return missing.length === 0 ? false : `skipped, because ${missing.join(', ')} is not installed`
}

const skip = await whyNot()

test('everything that the lab of domain controllers needs is here', {
  skip: process.env['SEALWIRE_LAB'] !== 'required',
}, () => {
  assert.equal(skip, false)
})

describe('two domain controllers', { skip, timeout: 600_000 }, () => {
  let folder = ''
  let isMounted = false
  let verdict: StoryVerdict | undefined

  before(async () => {
    folder = mkdtempSync('/var/lib/sealwire-story-')
    // The lab has overlays of its own, which cannot stand on a container's: there it gets a file system in memory.
    isMounted = statfsSync(folder).type === OVERLAY
    if (isMounted) assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'sealwire', folder]).status, 0)
    const words = ['lab', 'ad', 'tell', '--only', told.join(), '--short', '--json', '--state', join(folder, 'lab')]
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)])
    assert.notEqual(out, '', said)
    verdict = JSON.parse(out) as StoryVerdict
  })

  after(() => {
    // Nothing to do but after a timeout.
    spawnSync(program, ['lab', 'ad', 'down', '--state', join(folder, 'lab')])
    if (isMounted) spawnSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  })

  const chapter = (letter: string, context: { diagnostic(text: string): void }) => {
    const found = verdict?.chapters.find(each => each.letter === letter)
    assert.ok(found !== undefined, `chapter ${letter} was not told`)
    assert.deepEqual(
      found.checks.filter(({ ok }) => !ok),
      [],
    )
    const { checks, captures, seconds } = found
    const last = captures.at(-1)!
    context.diagnostic(
      `${checks.length} checks, ${Math.round(seconds)} s; ${last.packets} packets, ${last.verdicts.protected} sealed, port 88 in clear ${last.classes.kerberos}, by tshark ${last.tshark.classes.kerberos}`,
    )
    return { found, last }
  }

  test('without a policy Kerberos, RSVP and everything else is in clear', context => {
    const { last } = chapter('a', context)
    assert.ok(last.tshark.kerberos > 0 && last.verdicts.protected === 0)
  })

  test('with everything secured and NoDefaultExempt absent, Kerberos is in clear and nothing else between the two', context => {
    const { last } = chapter('b', context)
    assert.ok(last.classes.kerberos > 0 && last.verdicts.leaked === 0 && last.classes.unicast === 0)
    assert.equal(last.classes.kerberos, last.tshark.classes.kerberos)
  })

  test('NoDefaultExempt 1, set while the agents run and Kerberos is spoken, seals it: UDP, TCP and large tickets', context => {
    const { last } = chapter('c', context)
    assert.deepEqual(
      [last.classes.kerberos, last.tshark.kerberos, last.classes.rsvp, last.verdicts.leaked],
      [0, 0, 0, 0],
    )
  })

  test('the lab takes everything away that it made', () => {
    assert.equal(existsSync(join(folder, 'lab')), false)
  })
})
