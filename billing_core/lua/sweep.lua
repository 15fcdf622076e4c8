-- Queue again what is stranded: in the inbox, older than the stall time, and neither waiting in the queue nor
-- held by a worker (being applied, prefetched, or waiting there for its retry).
-- KEYS: the inbox, the queue, kombu's unacked hash and its index. ARGV: stall time in ms, limit, message template,
-- seconds after which nobody holds a message any more.
-- Returns the IDs queued again.
local PROBES = 10  -- messages looked at from the queue's end for one that still has work
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = now - tonumber(ARGV[1])

-- The queue is first in, first out, and an inbox score is the moment of (re)queueing: whatever was queued
-- before the queue's oldest message has left the queue. Messages without any work left tell nothing.
local length = redis.call('LLEN', KEYS[2])
if length > 0 then
  local oldest = nil
  for _, message in ipairs(redis.call('LRANGE', KEYS[2], -PROBES, -1)) do
    for id in string.gmatch(message, 'evt_[%w_]+') do
      local score = tonumber(redis.call('ZSCORE', KEYS[1], id) or nil)
      if score and (not oldest or score < oldest) then oldest = score end
    end
  end
  if not oldest then return {} end
  newest = math.min(newest, oldest - 1)
end

-- kombu restores what a dead worker held after the visibility timeout. What is far older, or missing from the
-- index by which kombu finds it, would otherwise count as held for ever.
local held, holding = {}, 0
local unacked = redis.call('HGETALL', KEYS[3])
for position = 1, #unacked, 2 do
  local taken = tonumber(redis.call('ZSCORE', KEYS[4], unacked[position]) or nil)
  if taken and now / 1000 - taken < tonumber(ARGV[4]) then
    for id in string.gmatch(unacked[position + 1], 'evt_[%w_]+') do
      if not held[id] then held[id], holding = true, holding + 1 end
    end
  end
end

-- However many old events are held, the stranded ones behind them are reached.
local limit = tonumber(ARGV[2])
local latest = string.format('%.0f', newest)
local stranded = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest, 'LIMIT', 0, limit + holding)) do
  if not held[id] and #stranded < limit then
    table.insert(stranded, id)
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), id)
  end
end
if #stranded > 0 then
  local message = string.gsub(ARGV[3], '@BODY_IDS@', table.concat(stranded, '\\", \\"'))
  message = string.gsub(message, '@SHOWN_IDS@', table.concat(stranded, "', '"))
  redis.call('LPUSH', KEYS[2], message)
end
return stranded
