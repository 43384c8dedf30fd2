// The guard in a real kernel: put there, asked, renewed under fire, taken away; and what is said where nft says no.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { buildPacket } from '../../../test/build-packets.ts'
import { address } from '../../native/test-namespaces.ts'
import { compile } from '../../policy/compile.ts'
import { policy, rule } from '../../policy/test-policies.ts'
import { applyGuard, endInClear, guardCounters, healthOf, letInClear, removeTable, seenGuard } from './apply.ts'
import { checkRuleset, loadRuleset, runNft } from './nft.ts'
import { defaultGuard, guardRuleset } from './ruleset.ts'
import { guardedHost, setNumber, whyNoGuard } from './test-guarded-host.ts'

const skip = whyNoGuard()
const { table } = defaultGuard

function ok<T>(result: { ok: true; value: T } | { ok: false; error: { what: string } }): T {
  assert.ok(result.ok, result.ok ? '' : result.error.what)
  return result.value
}

const pairs = { own: address('10.0.0.1'), peer: address('10.0.0.2'), seconds: 60 }

function datagram(number: number, destination = '10.0.0.2'): Uint8Array {
  const source = destination.includes(':') ? 'fd00::1' : '10.0.0.1'
  const packet = buildPacket({ source, destination, payload: new Uint8Array(10) })
  setNumber(packet, number)
  return packet
}

test('without nft the problem says how to get it, and what nft refuses is told in its words', async () => {
  const missing = await runNft(['-v'], '', ['no-such-program', '/nowhere/nft'])
  assert.ok(!missing.ok && missing.error.kind === 'no-nft' && missing.error.hint.includes('apt install nftables'))
})

test('a refused ruleset is never taken for a loaded one, and changes nothing', { skip }, async context => {
  await guardedHost(context, 'refused')
  const block = guardRuleset(compile(policy([rule('block', ['any any <-> any'])])))
  const seen = ok(await applyGuard(block, table))
  const broken = `${block.text}table inet ${table} { chain more { esp counter } }\n`
  for (const refused of [await loadRuleset(broken), await checkRuleset(broken)]) {
    assert.ok(!refused.ok && refused.error.kind === 'refused' && refused.error.what.includes('syntax error'))
  }
  assert.equal(ok(await healthOf(table, seen)), 'as-written')
})

test('who may not change rules is told so', { skip }, async context => {
  await guardedHost(context, 'capabilities')
  const text = guardRuleset(compile(policy([]))).text
  const run = spawnSync('setpriv', ['--bounding-set=-all', '--inh-caps=-all', '--reuid=65534', 'nft', '-f', '-'], {
    input: text,
  })
  if (run.error !== undefined) return context.skip('skipped, because setpriv is not installed')
  const wrapped = await runNft(['--bounding-set=-all', '--inh-caps=-all', '--reuid=65534', 'nft', '-f', '-'], text, [
    'setpriv',
  ])
  assert.ok(!wrapped.ok && wrapped.error.kind === 'not-allowed', JSON.stringify(wrapped))
})

test('the guard says which rules it is made of, and whether anybody has changed them', { skip }, async context => {
  await guardedHost(context, 'health')
  const [one, two] = ['block', 'permit'].map(action =>
    guardRuleset(compile(policy([rule(action as 'block', ['any me <-> 10.0.0.2'], { name: 'two "quoted" \\ *' })]))),
  )
  assert.equal(ok(await seenGuard(table)), undefined)
  const seen = ok(await applyGuard(one!, table))
  assert.equal(seen.digest, one!.digest)
  assert.notEqual(one!.digest, two!.digest)
  assert.equal(ok(await healthOf(table, seen)), 'as-written')
  assert.equal(ok(await letInClear(table, [pairs])), undefined)
  assert.equal(ok(await healthOf(table, seen)), 'as-written', 'pairs in clear are no change of the rules')
  ok(await loadRuleset(`insert rule inet ${table} leaving accept\n`))
  assert.equal(ok(await healthOf(table, seen)), 'changed')
  ok(await applyGuard(two!, table))
  assert.equal(ok(await healthOf(table, seen)), 'another')
  ok(await removeTable(table))
  assert.equal(ok(await healthOf(table, seen)), 'absent')
  assert.equal(ok(await guardCounters(table)), undefined)
  ok(await removeTable(table))
})

test('other tables of the host stay as they are', { skip }, async context => {
  await guardedHost(context, 'others')
  ok(
    await loadRuleset(
      'table inet filter {\nchain input {\ntype filter hook input priority 0\ntcp dport 22 accept\n}\n}\n',
    ),
  )
  const others = () => spawnSync('nft', ['list', 'table', 'inet', 'filter'], { encoding: 'utf8' }).stdout
  const before = others()
  assert.ok(before.includes('tcp dport 22'))
  ok(await applyGuard(guardRuleset(compile(policy([rule('block', ['any any <-> any'])]))), table))
  ok(await removeTable(table))
  assert.equal(others(), before)
})

test('a pair speaks in clear for its time where its rule falls back, and nowhere else', { skip }, async context => {
  const host = await guardedHost(context, 'fall-back')
  const rules = [
    rule('negotiate', ['any me <-> 10.0.0.2', 'any me <-> fd00::2'], { name: 'soft', fallBackToClear: true }),
    rule('negotiate', ['any me <-> 10.0.0.3'], { name: 'hard' }),
  ]
  ok(await applyGuard(guardRuleset(compile(policy(rules)), defaultGuard, []), table))
  const passes = async (...destinations: readonly string[]) => {
    for (const [index, destination] of destinations.entries()) host.send(datagram(index + 1, destination))
    const { passed } = await host.outbound(4)
    const six = await host.outbound(6)
    return destinations.map((_, index) => passed.has(index + 1) || six.passed.has(index + 1))
  }
  const all = ['10.0.0.2', '10.0.0.3', 'fd00::2'] as const
  assert.deepEqual(await passes(...all), [false, false, false])
  const six = { own: address('fd00::1'), peer: address('fd00::2'), seconds: 60 }
  ok(await letInClear(table, [pairs, { ...pairs, peer: address('10.0.0.3') }, six]))
  assert.deepEqual(await passes(...all), [true, false, true])
  ok(await letInClear(table, [{ ...pairs, seconds: 600 }]))
  const listed = spawnSync('nft', ['list', 'set', 'inet', table, 'in_clear_4'], { encoding: 'utf8' }).stdout
  assert.match(listed, /10\.0\.0\.1 \. 10\.0\.0\.2 timeout 10m expires 9m/, 'the time starts anew')
  ok(await endInClear(table, [pairs, { own: address('10.0.0.1'), peer: address('10.9.9.9') }]))
  assert.deepEqual(await passes(...all), [false, false, true])
  // A new ruleset ends them, unless it brings them along in the same transaction.
  const kept = guardRuleset(compile(policy(rules)), defaultGuard, [{ ...pairs, seconds: 1 }])
  ok(await applyGuard(kept, table))
  assert.deepEqual(await passes(...all), [true, false, false])
  await new Promise(resolve => setTimeout(resolve, 1300))
  assert.deepEqual(await passes(...all), [false, false, false], 'the time is over')
})

test('counters tell by name how many packets each rule has let pass or kept', { skip }, async context => {
  const host = await guardedHost(context, 'counters')
  const rules = [
    rule('block', ['any me <-> 10.0.0.2'], { name: 'never' }),
    rule('permit', ['any me <-> 10.0.0.3'], { name: 'free' }),
  ]
  ok(await applyGuard(guardRuleset(compile(policy(rules))), table))
  for (let number = 1; number <= 5; number++) host.send(datagram(number, number < 4 ? '10.0.0.2' : '10.0.0.3'))
  const counters = ok(await guardCounters(table))!
  const of = (name: string) => counters.find(({ comment }) => comment === name)
  assert.deepEqual(of('never'), { chain: 'rule_0_out', comment: 'never', verdict: 'drop', packets: 3, bytes: 114 })
  assert.deepEqual([of('free')?.verdict, of('free')?.packets], ['accept', 2])
})

test('ten thousand rules are as many look-ups as they have shapes, and load at once', { skip }, async context => {
  const host = await guardedHost(context, 'many')
  const actions = ['block', 'permit', 'negotiate'] as const
  const rules = Array.from({ length: 10_000 }, (_, index) => {
    const port = index % 2 === 0 ? ':445' : ''
    return rule(
      actions[index % 3]!,
      [`${port === '' ? 'any' : 'tcp'} me <-> 10.${index >> 8}.${index & 255}.9${port}`],
      { name: `rule ${index}` },
    )
  })
  const ruleset = guardRuleset(compile(policy(rules)))
  const before = performance.now()
  ok(await loadRuleset(ruleset.text))
  const seconds = (performance.now() - before) / 1000
  context.diagnostic(`${(ruleset.text.length / 1e6).toFixed(1)} MB loaded in ${seconds.toFixed(2)} s`)
  const chain = ruleset.text.slice(ruleset.text.indexOf('chain filters_out'))
  assert.ok(chain.slice(0, chain.indexOf('}\n\tchain')).split('\n').length < 40)
  // The last of each kind and one that none names: 9,999 blocks (% 3 is 0), 9,997 permits, 9,998 seals.
  for (const [index, host9] of ['10.39.15.9', '10.39.13.9', '10.39.14.9', '10.99.0.9'].entries()) {
    host.send(datagram(index + 1, host9))
  }
  const { passed } = await host.outbound(4)
  assert.deepEqual(
    [1, 2, 3, 4].map(number => passed.has(number)),
    [false, true, true, true],
  )
})

test('of a flood that must not pass, nothing passes while the rules are replaced 200 times', {
  skip,
}, async context => {
  const host = await guardedHost(context, 'flood')
  const versions = [0, 1].map(extra =>
    guardRuleset(
      compile(
        policy([
          rule('negotiate', ['any me <-> 10.0.0.2', 'any me <-> fd00::2']),
          ...Array.from({ length: 20 * extra }, (_, index) => rule('permit', [`any me <-> 10.1.0.${index}`])),
        ]),
      ),
    ),
  )
  const forbidden = [datagram(1), datagram(2, 'fd00::2')]
  const allowed = datagram(3, '10.0.0.7')
  ok(await loadRuleset(versions[0]!.text))
  let replaced = 0
  let isLoading = true
  const replacing = (async () => {
    while (replaced < 200) ok(await loadRuleset(versions[++replaced % 2]!.text))
    isLoading = false
  })()
  let sent = 0
  while (isLoading) {
    for (let burst = 0; burst < 200; burst++) {
      for (const packet of forbidden) host.send(packet)
      host.send(allowed)
      sent += 2
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  await replacing
  const four = await host.outbound(4)
  const six = await host.outbound(6)
  assert.ok(four.came.has(1) && six.came.has(2) && four.passed.has(3))
  assert.ok(!four.passed.has(1) && !six.passed.has(2))
  context.diagnostic(`${sent} packets that must not pass`)
  assert.ok(sent > 20_000, `${sent} packets`)
})
