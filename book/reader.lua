-- What a reader of the book need not see: directives and marks of the tools, hidden tests, hints. For Quarto and for pandoc.

local HIDDEN = {
  "^%s*#%s*|",                                  -- nbdev's directives
  "^%s*# NBVAL_",                               -- nbval's marks
  "^%s*### BEGIN SOLUTION", "^%s*### END SOLUTION",
  "^%s*# fmt: o",
  "^sys%.modules%[.*%] = sys%.modules%[__name__%]", -- a notebook that is a module of the package as well
}

local function hidden(line)
  for _, pattern in ipairs(HIDDEN) do
    if line:find(pattern) then return true end
  end
  return false
end

local function for_readers(text)
  local kept, inside = {}, false
  for line in (text .. "\n"):gmatch("(.-)\n") do
    if line:find("### BEGIN HIDDEN TESTS", 1, true) then inside = true end
    if not inside and not hidden(line) then
      line = line:gsub("%s+# fmt: skip%s*$", ""):gsub("%s+# noqa[^#]*$", "")
      table.insert(kept, line)
    end
    if line:find("### END HIDDEN TESTS", 1, true) then inside = false end
  end
  return (table.concat(kept, "\n"):gsub("^\n+", ""):gsub("%s+$", ""))
end

local function is_python(block)
  return block.classes:includes("python") or block.classes:includes("code") or block.classes:includes("cell-code")
end

function CodeBlock(block)
  if not is_python(block) then return nil end
  block.text = for_readers(block.text)
  if block.text == "" then return {} end
  return block
end

function Div(div)
  if div.classes:includes("cell") then
    if (div.attributes.tags or ""):find("hints", 1, true) then return {} end
    if #div.content == 0 then return {} end
  end
end
