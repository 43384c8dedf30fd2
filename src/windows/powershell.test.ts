// Scripts of PowerShell: what such scripts use of the language, what the commands make, and every line beyond it.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { formatProblem } from '../base/result.ts'
import { auth1Of, quickModeOf, wellKnownSets } from './connection-security-defaults.ts'
import { readRulesJson } from './connection-security-json.ts'
import type { ConnectionSecurityPolicy } from './connection-security-rules.ts'
import { runPowerShell } from './powershell-run.ts'
import { writePowerShell } from './powershell-write.ts'

const RULE = "New-NetIPsecRule -DisplayName 'x' -InboundSecurity Require -OutboundSecurity Require"

function run(text: string): ConnectionSecurityPolicy {
  const { value, problems } = runPowerShell(text, 'x.ps1')
  assert.deepEqual(problems.map(formatProblem), [])
  return value
}

test('variables, splatting, arrays, joined lines and comments make a rule', () => {
  const policy = run(`
<# several
   lines #>
$net = '10.0.0.0/8'            # a comment
$ports = @('3389', '139')
$kerb = New-NetIPsecAuthProposal -Machine -Kerberos
$set = New-NetIPsecPhase1AuthSet -DisplayName "Kerberos for $net" \`
  -Proposal $kerb
$table = @{
    DisplayName = 'Ports'
    InboundSecurity = 'Require'; OutboundSecurity = 'Request'
    Protocol = 'TCP'
    LocalPort = $ports
    RemoteAddress = @($net, '192.168.0.0/16')
    Phase1AuthSet = ($set.Name)
    Enabled = 'False'
}
$rule = New-NetIPsecRule @table`)
  const [rule] = policy.rules
  assert.equal(rule?.action, 'require-in-request-out')
  assert.deepEqual(
    rule?.ports1.map(({ first }) => first),
    [3389, 139],
  )
  assert.equal(rule?.endpoint2.length, 2)
  assert.equal(rule?.active, false)
  assert.equal(auth1Of(policy, rule?.auth1)?.name, 'Kerberos for 10.0.0.0/8')
})

test('names of parameters may be shortened, in any case, with dashes and quotes of word processors', () => {
  const policy = run('new-netipsecrule –displayn “x” –inbounds Request –outbounds Request –Prof Domain,Private')
  assert.deepEqual(policy.rules[0]?.profiles, ['domain', 'private'])
})

test('quotes in quotes, backticks and $() are put in', () => {
  const policy = run(
    '$n = \'it\'\'s\'\nNew-NetIPsecRule -DisplayName "a `"b`" $n $($n) `$x" -InboundSecurity None -OutboundSecurity None',
  )
  assert.equal(policy.rules[0]?.name, 'a "b" it\'s it\'s $x')
})

test('a set with -Default is the one of Windows, a rule without sets names that', () => {
  const policy = run(
    `$p = New-NetIPsecQuickModeCryptoProposal -Encapsulation AH,ESP -AHHash SHA1 -ESPHash SHA1 -Encryption DES3\nNew-NetIPsecQuickModeCryptoSet -Default -DisplayName 'd' -PerfectForwardSecrecyGroup DH14 -Proposal $p | Out-Null\n${RULE}`,
  )
  assert.deepEqual(
    policy.quickModeSets.map(({ id, freshKeys }) => [id, freshKeys]),
    [[wellKnownSets.quickMode, 'dh14']],
  )
  const proposals = quickModeOf(policy, policy.rules[0]?.quickMode)?.proposals
  assert.deepEqual(proposals, [
    { encapsulation: 'ah+esp', ahHash: 'sha1', espHash: 'sha1', encryption: '3des', other: [] },
  ])
})

test('rules are found by wildcards, changed and removed through a pipe', () => {
  const two = `${RULE}\nNew-NetIPsecRule -DisplayName 'keep' -InboundSecurity None -OutboundSecurity None\n`
  assert.deepEqual(
    run(`${two}Get-NetIPsecRule -DisplayName 'x*' | Remove-NetIPsecRule`).rules.map(({ name }) => name),
    ['keep'],
  )
  assert.deepEqual(
    run(`${two}Set-NetIPsecRule -DisplayName 'k?ep' -Enabled False -RemoteAddress 10.0.0.1`).rules.map(
      ({ active }) => active,
    ),
    [true, false],
  )
})

test('exemptions are set, singly and through a pipe', () => {
  assert.deepEqual(
    run('Set-NetFirewallSetting -Exemptions NeighborDiscovery, Dhcp -MaxSAIdleTimeSeconds 600').settings,
    { exemptions: 9, idleSeconds: 600 },
  )
  assert.deepEqual(
    run('Get-NetFirewallSetting -PolicyStore corp/gpo | Set-NetFirewallSetting -Exemptions RouterDiscovery').settings,
    { exemptions: 4 },
  )
})

test('a profile of the firewall is named as such, and that local rules do not count is a problem', () => {
  const severities = (text: string) => runPowerShell(text, 'x.ps1').problems.map(({ severity }) => severity)
  assert.deepEqual(severities('Set-NetFirewallProfile -Profile Domain -Enabled True'), ['warning'])
  assert.deepEqual(severities('Set-NetFirewallProfile -All -AllowLocalIPsecRules False'), ['error', 'warning'])
})

const wrong: readonly (readonly [string, RegExp])[] = [
  [
    '\n\nNew-NetIPsecRul -DisplayName x',
    /x.ps1:3: the command "New-NetIPsecRul" is not known here \(did you mean New-NetIPsecRule\?\)/,
  ],
  [`${RULE} -RemotAdress 10.0.0.1`, /the parameter -RemotAdress is not known/],
  [`${RULE} -Remote 10.0.0.1`, /-Remote may be -RemoteAddress or -RemotePort or/],
  [`${RULE} -RemoteAddress`, /-RemoteAddress has no value/],
  [`${RULE} \`\n -RemoteAddress 10.0.0.300`, /x.ps1:2: -RemoteAddress: "10.0.0.300" is no address of a rule/],
  [`${RULE} Request`, /is given a value without a parameter/],
  [`${RULE} -Mode Tunel`, /-Mode: "Tunel" is not known \(did you mean Tunnel\?\)/],
  [`${RULE} -LocalTunnelEndpoint 1.1.1.1`, /ends of a tunnel without a tunnel/],
  [
    'New-NetIPsecRule -DisplayName x -InboundSecurity None -OutboundSecurity Require',
    /inbound None and outbound Require do not go together/,
  ],
  [`${RULE} -Phase1AuthSet $nothing.Name`, /\$nothing has no value in this script/],
  [`if ($true) {\n  ${RULE}\n}\nelse { exit }`, /x.ps1:1: if is not read here/],
  ['foreach ($a in 1..3) { New-NetIPsecRule }', /foreach is not read here/],
  [
    'function Go {\n  "}" # }\n}\nGo',
    /x.ps1:1: function is not read here[\s\S]*x.ps1:4: the command "Go" is not known/,
  ],
  ['$x = [int]5', /types in brackets are not read here/],
  ['$x = (Get-Date).AddDays(1)', /is not known here|methods are not read here/],
  ['$x = @"\ntext\n"@', /texts over several lines are not read here/],
  ['$x = "open', /a text in quotes is not closed/],
  ['<# open', /a comment is not closed/],
  ['& cmd', /calling by & is not read here/],
  [`${RULE} -WhatIf`, /with -WhatIf the command changes nothing/],
  ["New-NetIPsecPhase1AuthSet -DisplayName x -Proposal 'kerberos'", /it takes what a New- command/],
  ['New-NetIPsecAuthProposal -Kerberos', /who is authenticated is said once/],
  ['Set-NetFirewallSetting -Exemptions Ichmp', /"Ichmp" is not known \(did you mean Icmp\?\)/],
  [
    "$a = @{ DisplayName = 'x'; Colour = 'red' }\nNew-NetIPsecRule @a -InboundSecurity Require -OutboundSecurity Request",
    /@a: the parameter -Colour is not known/,
  ],
]

for (const [text, message] of wrong) {
  test(`${JSON.stringify(text.replace(RULE, '…').slice(0, 60))} is a problem with its line`, () => {
    assert.match(runPowerShell(text, 'x.ps1').problems.map(formatProblem).join('\n'), message)
  })
}

test('what follows a block that is not read is read again', () => {
  const { value } = runPowerShell(`if ($a) {\n  Remove-Item x\n} else {\n  exit\n}\n${RULE}`, 'x.ps1')
  assert.equal(value.rules.length, 1)
})

test('how much a rule secures has to be said, else it is read as securing, with a warning', () => {
  const { value, problems } = runPowerShell('New-NetIPsecRule -DisplayName x', 'x.ps1')
  assert.equal(value.rules[0]?.action, 'require-in-request-out')
  assert.deepEqual(
    problems.map(({ severity }) => severity),
    ['warning'],
  )
})

test('a preshared key with quotes and dollars comes back from a written script', () => {
  const policy = run(
    "$p = New-NetIPsecAuthProposal -Machine -PreSharedKey 'a''b$c`d'\nNew-NetIPsecPhase1AuthSet -DisplayName s -Proposal $p",
  )
  const again = run(writePowerShell(policy).value)
  assert.equal(again.auth1Sets[0]?.proposals[0]?.key?.reveal(), "a'b$c`d")
})

test('JSON of Get-NetIPsecRule is read by its numbers, and says that addresses are missing', () => {
  const { value, problems } = readRulesJson(
    '{"Name":"{1}","DisplayName":"x","Enabled":1,"Profiles":1,"InboundSecurity":2,"OutboundSecurity":1,"Mode":2,"KeyModule":4,"CimClass":{},"Status":"OK"}',
    'j',
  )
  const [rule] = value
  assert.deepEqual([rule?.action, rule?.profiles, rule?.keyModules], ['require-in-request-out', ['domain'], ['ikev2']])
  assert.deepEqual(
    problems.map(({ severity, where }) => [severity, where]),
    [['warning', 'j [0]']],
  )
})

test('JSON with unknown properties, numbers and forms is a problem each', () => {
  const { problems } = readRulesJson(
    '[{"Name":"a","DisplayName":"x","InboundSecurity":0,"OutboundSecurity":2,"KeyModule":64,"Colour":1},7]',
    'j',
  )
  const text = problems.map(formatProblem).join('\n')
  for (const part of [/j \[0\]\.Colour/, /KeyModule: 64 is no sum/, /do not go together/, /j \[1\]: this is no rule/])
    assert.match(text, part)
  assert.match(readRulesJson('[{]', 'j').problems.map(formatProblem).join('\n'), /this is no JSON/)
})

const samples = resolve(import.meta.dirname, '../../../shared/testdata/policy-texts')
const skip = existsSync(samples) ? false : 'skipped, because ../shared/testdata is not there'

test('published scripts are read but for the functions in them', { skip }, () => {
  for (const [name, rules, mainModeRules] of [
    ['New-KerberosIPsecRule.ps1', 1, 0],
    ['Custom-IKEv1-Rule-Details.ps1', 0, 3],
  ] as const) {
    const { value, problems } = runPowerShell(readFileSync(`${samples}/sec505/${name}`, 'utf8'), name)
    const errors = problems.filter(({ severity }) => severity === 'error').map(({ what }) => what)
    for (const what of errors) assert.match(what, /^function is not read here$|Remove-AllIPsecRulesAndSettings/)
    // The second one removes its IPsec rules at its end.
    assert.deepEqual([value.rules.length, value.mainModeRules.length], [rules, mainModeRules])
  }
})
