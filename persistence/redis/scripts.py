"""The Lua scripts of the live store; each is one atomic step on the keys of one session.

A message's text is a string beside a hash: g its generation, n its length in code points, d set when
it has ended. Both expire by themselves. An index names the session's messages, so that they can be
found; what it names may have expired. Every key of a session carries the hash tag {user:session}:
keys that a script derives from the index stay in the slot of those that are declared.
"""

from __future__ import annotations

PUBLISH_FACTS = """
-- KEYS buffer; ARGV channel, broadcast, how many are kept, seconds, then number and fact, repeated
for i = 5, #ARGV, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[i], ARGV[i])
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', ARGV[1], ARGV[2])
"""

BEGIN = """
-- KEYS index, state, text; ARGV message, generation, text, its length, seconds, channel, broadcast or ''
local known = redis.call('HMGET', KEYS[2], 'g', 'n', 'd')
local g, n = tonumber(known[1] or -1), tonumber(known[2] or 0)
local generation, length = tonumber(ARGV[2]), tonumber(ARGV[4])
if generation < g or (generation == g and known[3]) then return 'STALE' end
if generation > g or length > n or redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'g', generation, 'n', length)
  redis.call('SET', KEYS[3], ARGV[3])
end
redis.call('SADD', KEYS[1], ARGV[1])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[5]) end
if ARGV[7] ~= '' then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
return 'ACCEPTED'
"""

APPEND = """
-- KEYS index, state, text; ARGV message, generation, text, its length, seconds, channel, broadcast, offset
local known = redis.call('HMGET', KEYS[2], 'g', 'n', 'd')
local g, n = tonumber(known[1] or -1), tonumber(known[2] or 0)
local generation, length, offset = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[8])
if generation < g or (generation == g and known[3]) then return 'STALE' end
if generation > g or redis.call('EXISTS', KEYS[3]) == 0 then
  -- nothing of this generation is known (also when only the text was evicted)
  if offset > 0 then return 'GAP' end
  redis.call('DEL', KEYS[2])
  redis.call('SET', KEYS[3], '')
  n = 0
end
if offset > n then return 'GAP' end
local text = ARGV[3]
local known_bytes = 0
if offset < n then
  -- skip the code points that are known: a byte of the form 10xxxxxx continues one
  local skip = n - offset
  while known_bytes < #text do
    local byte = string.byte(text, known_bytes + 1)
    if byte < 128 or byte > 191 then
      if skip == 0 then break end
      skip = skip - 1
    end
    known_bytes = known_bytes + 1
  end
end
if known_bytes < #text then redis.call('APPEND', KEYS[3], string.sub(text, known_bytes + 1)) end
redis.call('HSET', KEYS[2], 'g', generation, 'n', math.max(n, offset + length))
redis.call('SADD', KEYS[1], ARGV[1])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[5]) end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 'ACCEPTED'
"""

FINISH = """
-- KEYS index, state, text; ARGV message, generation, seconds
local known = redis.call('HMGET', KEYS[2], 'g', 'd')
local g, generation = tonumber(known[1] or -1), tonumber(ARGV[2])
if g > generation then return false end
local text = g == generation and not known[2] and redis.call('GET', KEYS[3])
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[2], 'g', generation, 'd', 1)
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return text
"""

WRITING = """
-- KEYS index; ARGV what the keys of states and of texts begin with; gives message, generation, text, repeated
local found = {}
for _, message in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local known = redis.call('HMGET', ARGV[1] .. message, 'g', 'd')
  local text = known[1] and not known[2] and redis.call('GET', ARGV[2] .. message)
  if text then
    found[#found + 1] = message
    found[#found + 1] = tonumber(known[1])
    found[#found + 1] = text
  elseif not known[1] then
    redis.call('SREM', KEYS[1], message)
  end
end
return found
"""

DROP = """
-- KEYS buffer, index; ARGV what the keys of states and of texts begin with
for _, message in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  redis.call('DEL', ARGV[1] .. message, ARGV[2] .. message)
end
redis.call('DEL', KEYS[1], KEYS[2])
"""

TAKE = """
-- KEYS when the burst is whole again (microseconds); ARGV microseconds of one unit, units in a burst, cost
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local unit, cost = tonumber(ARGV[1]), tonumber(ARGV[3])
local before = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local after = before + unit * cost
local over = after - now - unit * tonumber(ARGV[2])
if over > 0 then return {before - now, over} end
if cost > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return {after - now, 0}
"""
