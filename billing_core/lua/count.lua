-- Add what a process counted to the totals, once: a process that did not hear the answer sends the same again.
-- KEYS: the hash of totals, the number of the process's last report. ARGV: this report's number, seconds to
-- remember it, then each field and what to add.
if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
for position = 3, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[position], ARGV[position + 1]) end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return 1
